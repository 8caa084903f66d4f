/** What is thrown at the front door: broken and hostile forms of everything a request is made of. */
import fc from "fast-check";
import { apiVersionOf, type Kind } from "../../src/api/kind.ts";
import { kinds } from "../../src/api/kinds.ts";
import { encodeMessage } from "../../src/api/schema/protobuf/encode.ts";
import { sealEnvelope } from "../../src/api/schema/protobuf/envelope.ts";
import { anyObject } from "../../src/api/schema/random-object.ts";
import type { FuzzRequest } from "./front-door.ts";

const ODD_NAMES = [
  "web",
  "a",
  "kubernetes",
  "default",
  "",
  "-",
  "A",
  "a.b",
  "a/b",
  "..",
  "%00",
  "%2e%2e",
  "%",
  "é",
  "x".repeat(300),
];
const ODD_KEYS = [
  "__proto__",
  "constructor",
  "toString",
  "prototype",
  "",
  "a/b",
  "~",
  "$patch",
  "$retainKeys",
  "f:spec",
];

/** Values that a field does not expect. */
const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1e308,
    -0.5,
    2 ** 53,
    2 ** 31,
    "",
    "\u0000",
    "\ud800",
    [],
    {},
    [null],
    [[]],
    {
      "": null,
    },
  ),
  fc.string({ maxLength: 30, unit: "binary" }),
  fc.constantFrom(
    "1".repeat(400),
    "10.96.0.1",
    "300.1.1.1",
    "::ffff:1.2.3.4",
    "fe80::1%eth0",
    "0x7f.1",
    "9999999999999",
    "1e9999",
    "-5m",
    "2024-13-45T99:99:99Z",
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.dictionary(fc.constantFrom(...ODD_KEYS), fc.constantFrom<unknown>(null, {}, "x", 1), { maxKeys: 3 }),
);

export const anyKind: fc.Arbitrary<Kind> = fc.constantFrom(...kinds);

const anyNamespace = fc.constantFrom("default", "kube-system", "missing", "A", "");
const anyName = fc.oneof(fc.constantFrom(...ODD_NAMES), fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/));

/** Characters that cannot stand in a request line, encoded; the rest as it is. */
export function onWire(path: string): string {
  return Array.from(path, (char) => (/^[\x21-\x7e]$/.test(char) ? char : encodeLoosely(char))).join("");
}

function encodeLoosely(char: string): string {
  return [...Buffer.from(char)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
}

/** `value` with something in it changed, removed or put in. */
function mutate(value: unknown, seed: readonly number[], odd: unknown): unknown {
  const [turn = 0, ...rest] = seed;
  if (value === null || typeof value !== "object" || rest.length === 0) return odd;
  if (Array.isArray(value)) {
    const copy = [...(value as unknown[])];
    if (copy.length === 0) return [odd];
    const at = turn % copy.length;
    copy[at] = mutate(copy[at], rest, odd);
    return copy;
  }
  const entries = Object.entries(value as Record<string, unknown>);
  if (entries.length === 0 || turn % 7 === 0) entries.push([ODD_KEYS[turn % ODD_KEYS.length]!, odd]);
  else if (turn % 11 === 0) entries.splice(turn % entries.length, 1);
  else {
    const at = turn % entries.length;
    entries[at] = [entries[at]![0], mutate(entries[at]![1], rest, odd)];
  }
  // Not an assignment: "__proto__" is to be a key like any other.
  return Object.fromEntries(entries);
}

const seeds = fc.array(fc.nat(1000), { minLength: 1, maxLength: 6 });

/** An object of the kind with random fields, named, and with up to three mutations. */
function hostileObject(kind: Kind): fc.Arbitrary<unknown> {
  return fc
    .tuple(anyObject(kind.schema), anyName, fc.array(fc.tuple(seeds, oddValue), { maxLength: 3 }))
    .map(([object, name, mutations]) => {
      const metadata = { ...(object["metadata"] as object | undefined), name, namespace: undefined };
      const whole: unknown = { ...object, apiVersion: apiVersionOf(kind), kind: kind.kind, metadata };
      return mutations.reduce((value, [seed, odd]) => mutate(value, seed, odd), whole);
    });
}

/** Text that is nearly JSON: cut off, doubled, deep, with bytes that are no UTF-8. */
function broken(text: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(text, fc.constantFrom("whole", "cut", "twice", "deep", "bytes", "bom", "duplicate"), fc.nat())
    .map(([json, how, at]) => {
      const bytes = Buffer.from(json);
      switch (how) {
        case "cut":
          return bytes.subarray(0, at % (bytes.length + 1));
        case "twice":
          return Buffer.concat([bytes, bytes]);
        case "deep":
          return Buffer.from(json.replace(/^\{/, `{"spec":${"[".repeat(20_000)}${"]".repeat(20_000)},`));
        case "bytes":
          return Buffer.concat([
            bytes.subarray(0, at % bytes.length),
            Buffer.from([0xff, 0xc0, 0x80]),
            bytes.subarray(at % bytes.length),
          ]);
        case "bom":
          return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]);
        case "duplicate":
          return Buffer.from(json.replace(/^\{/, `{"metadata":{"name":"a"},"metadata":{"name":"b"},`));
        default:
          return bytes;
      }
    });
}

/** Real messages with bytes turned over, cut off or put in. */
function hostileProtobuf(kind: Kind): fc.Arbitrary<Uint8Array> {
  const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
  return fc
    .tuple(anyObject(kind.schema), flips, fc.option(fc.nat()), fc.boolean())
    .map(([object, changes, cut, inside]) => {
      const message = Buffer.from(encodeMessage(kind.schema, object));
      const seal = (raw: Uint8Array): Buffer =>
        Buffer.from(sealEnvelope({ apiVersion: apiVersionOf(kind), kind: kind.kind, raw }));
      // Inside the envelope, so that the message itself is met; or anywhere, the envelope too.
      const target = inside ? message : seal(message);
      for (const [at, byte] of changes) if (target.length > 0) target[at % target.length] = byte;
      const bytes = cut === null ? target : target.subarray(0, cut % (target.length + 1));
      return inside ? seal(bytes) : bytes;
    });
}

const YAML_TRAPS = [
  "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n",
  "a: &a\n  b: *a\n",
  "!!js/function 'return 1'\n",
  "--- 1\n--- 2\n",
  "? [a, b]\n: c\n",
  "<<: {a: 1}\nmetadata: {name: x}\n",
  "metadata: {name: x, name: y}\n",
  "a: 0o17\nb: .nan\nc: .inf\nd: 1_000\ne: 12:30:45\n",
  "\t- tab\n",
  "%YAML 9.9\n---\na: 1\n",
  "a: !!binary '####'\n",
  "[".repeat(5000),
  "a: ".repeat(3000),
];

const pointer = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "metadata",
        "labels",
        "spec",
        "ports",
        "0",
        "-",
        "-1",
        "99999999999",
        "__proto__",
        "constructor",
        "a~1b",
        "~",
        "",
        "01",
        "status",
      ),
      fc.string({ maxLength: 4 }),
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.map((part) => `/${part}`).join(""));

const jsonPatch: fc.Arbitrary<unknown> = fc.oneof(
  fc.array(
    fc.record(
      {
        op: fc.constantFrom("add", "remove", "replace", "move", "copy", "test", "nonsense"),
        path: fc.oneof(pointer, oddValue),
        from: fc.oneof(pointer, oddValue),
        value: oddValue,
      },
      { requiredKeys: ["op"] },
    ),
    { maxLength: 6 },
  ),
  oddValue,
);

const directive = fc.constantFrom<Record<string, unknown>>(
  { $patch: "delete" },
  { $patch: "replace" },
  { $patch: "nonsense" },
  { $patch: 1 },
  { $retainKeys: ["x"] },
  { $retainKeys: "x" },
  { "$setElementOrder/ports": [{ port: 80 }, { port: "x" }, null] },
  { "$deleteFromPrimitiveList/finalizers": ["a", 1] },
  { ports: [{ $patch: "delete" }, { port: 80, $patch: "merge" }, null, "x"] },
);

/** A patch of one of the media types, whole or broken, with that media type. */
function hostilePatch(kind: Kind): fc.Arbitrary<{ readonly type: string; readonly body: Uint8Array }> {
  const text = (of: fc.Arbitrary<unknown>): fc.Arbitrary<Uint8Array> =>
    broken(of.map((value) => JSON.stringify(value) ?? "null"));
  const merge = fc.oneof(
    hostileObject(kind),
    oddValue,
    fc.record({ metadata: directive, spec: directive, $patch: oddValue }, { requiredKeys: [] }),
  );
  const typed = (
    type: string,
    body: fc.Arbitrary<Uint8Array>,
  ): fc.Arbitrary<{ type: string; body: Uint8Array }> => body.map((bytes) => ({ type, body: bytes }));
  return fc.oneof(
    typed("application/json-patch+json", text(jsonPatch)),
    typed("application/merge-patch+json", text(merge)),
    typed("application/strategic-merge-patch+json", text(merge)),
    typed("application/apply-patch+yaml", text(hostileObject(kind))),
    typed(
      "application/apply-patch+yaml",
      fc.constantFrom(...YAML_TRAPS).map((trap) => Buffer.from(trap)),
    ),
    typed("application/apply-patch+cbor", fc.uint8Array({ maxLength: 20 })),
    typed("text/plain", text(merge)),
  );
}

const SELECTORS = [
  "app=web",
  "app in (a,b",
  "!app",
  "a==b,,c",
  "in",
  "a in ()",
  "a notin (x),b",
  "=",
  "!=",
  "a>1",
  "a<x",
  "x".repeat(400),
  "a=b=c",
  "(",
  "metadata.name=web",
  "spec.nodeName!=",
  "status.phase=Running,metadata.namespace=x",
  "nonsense.field=1",
  "metadata.name\\=x",
  "a=\\",
];

const token = fc.oneof(
  fc.constantFrom(
    "",
    "x",
    "e30",
    "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi8uLiJ9",
    "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiYSJ9",
  ),
  fc.jsonValue({ maxDepth: 1 }).map((value) => Buffer.from(JSON.stringify(value)).toString("base64url")),
  fc.base64String({ maxLength: 60 }),
);
const number = fc.oneof(
  fc.constantFrom("", "0", "1", "-1", "1.5", "1e3", "99999999999999999999", "NaN", "0x10", " 1"),
  fc.integer().map(String),
);

const parameters = {
  labelSelector: fc.oneof(fc.constantFrom(...SELECTORS), fc.string({ maxLength: 20 })),
  fieldSelector: fc.oneof(fc.constantFrom(...SELECTORS), fc.string({ maxLength: 20 })),
  limit: number,
  continue: token,
  resourceVersion: fc.oneof(number, token),
  resourceVersionMatch: fc.constantFrom("", "Exact", "NotOlderThan", "exact", "x"),
  allowWatchBookmarks: fc.constantFrom("", "true", "1", "x"),
  sendInitialEvents: fc.constantFrom("", "true", "false", "x"),
  dryRun: fc.constantFrom("", "All", "all", "None"),
  fieldManager: fc.oneof(fc.constantFrom("", "a", "x".repeat(200)), fc.string({ maxLength: 5 })),
  fieldValidation: fc.constantFrom("", "Strict", "Warn", "Ignore", "strict"),
  force: fc.constantFrom("", "true", "false", "x"),
  propagationPolicy: fc.constantFrom("", "Background", "Foreground", "Orphan", "x"),
  gracePeriodSeconds: number,
  orphanDependents: fc.constantFrom("", "true", "false"),
  includeObject: fc.constantFrom("", "None", "Metadata", "Object", "x"),
  pretty: fc.constantFrom("", "true", "x"),
};

/** Watches must end by themselves, whatever else they ask for. */
const query: fc.Arbitrary<string> = fc
  .tuple(
    fc.record(parameters, { requiredKeys: [] }),
    fc.constantFrom("", "", "", "true", "1", "x"),
    fc.string({ maxLength: 8 }),
  )
  .map(([given, watch, raw]) => {
    const search = new URLSearchParams(given as Record<string, string>);
    if (watch !== "") {
      search.set("watch", watch);
      search.set("timeoutSeconds", "1");
    }
    return `${search.toString()}${raw.startsWith("&") ? raw : ""}`;
  });

const accept = fc.oneof(
  fc.constantFrom(
    "application/json",
    "*/*",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=Table;v=v9;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    "text/html",
    "application/json;q=0",
    ";;;=",
    "application/json;as=APIGroupDiscoveryList;g=apidiscovery.k8s.io;v=v2",
    "application/vnd.kubernetes.protobuf;stream=watch, application/json",
  ),
  fc.stringMatching(/^[ -~]{0,20}$/),
);

function objectPath(kind: Kind): fc.Arbitrary<string> {
  const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const sub = fc.constantFrom(
    "",
    "",
    "",
    "",
    "/status",
    "/scale",
    "/finalize",
    "/token",
    "/binding",
    "/proxy",
    "/nonsense",
  );
  return fc
    .tuple(anyNamespace, anyName, sub, fc.constantFrom("named", "collection", "all"))
    .map(([namespace, name, part, form]) => {
      const base =
        kind.namespaced && form !== "all"
          ? `${root}/namespaces/${namespace}/${kind.plural}`
          : `${root}/${kind.plural}`;
      return form === "named" ? `${base}/${name}${part}` : base;
    });
}

function request(
  method: string,
  path: string,
  search: string,
  headers: Record<string, string>,
  body?: Uint8Array,
): FuzzRequest {
  return {
    method,
    path: onWire(search === "" ? path : `${path}?${search}`),
    headers,
    ...(body !== undefined && { body: Buffer.from(body).toString("base64") }),
  };
}

/** Writes with bodies that are JSON or protobuf, more or less. */
export const hostileWrite: fc.Arbitrary<FuzzRequest> = anyKind.chain((kind) => {
  const json = broken(hostileObject(kind).map((object) => JSON.stringify(object)));
  const body = fc.oneof(
    fc.tuple(
      fc.constantFrom(
        "application/json",
        "",
        "application/yaml",
        "text/plain",
        "application/json;charset=latin1",
      ),
      json,
    ),
    fc.tuple(fc.constant("application/vnd.kubernetes.protobuf"), hostileProtobuf(kind)),
    fc.tuple(
      fc.constantFrom("application/json", "application/vnd.kubernetes.protobuf", "application/yaml"),
      fc.uint8Array({ maxLength: 40 }),
    ),
  );
  return fc
    .tuple(fc.constantFrom("POST", "PUT", "DELETE"), objectPath(kind), query, body, accept)
    .map(([method, path, search, [type, bytes], wanted]) =>
      request(method, path, search, { "content-type": type, accept: wanted }, bytes),
    );
});

/** Patches of objects that are there, and of some that are not. */
export const hostilePatchRequest: fc.Arbitrary<FuzzRequest> = anyKind.chain((kind) =>
  fc
    .tuple(objectPath(kind), query, hostilePatch(kind), accept)
    .map(([path, search, { type, body }, wanted]) =>
      request("PATCH", path, search, { "content-type": type, accept: wanted }, body),
    ),
);

/** Patches of one Service, which is there: most get as far as being applied. */
export function hostilePatchOf(kind: Kind, path: string): fc.Arbitrary<FuzzRequest> {
  return fc
    .tuple(
      hostilePatch(kind),
      fc.constantFrom(
        "fieldManager=a",
        "fieldManager=a&force=true",
        "dryRun=All&fieldManager=b",
        "fieldValidation=Strict&fieldManager=a",
      ),
    )
    .map(([{ type, body }, search]) => request("PATCH", path, search, { "content-type": type }, body));
}

/** Lists, watches and gets with every parameter. */
export const hostileRead: fc.Arbitrary<FuzzRequest> = anyKind.chain((kind) =>
  fc
    .tuple(fc.constantFrom("GET", "GET", "GET", "HEAD", "OPTIONS", "DELETE"), objectPath(kind), query, accept)
    .map(([method, path, search, wanted]) => request(method, path, search, { accept: wanted })),
);

const segment = fc.oneof(
  fc.constantFrom(
    "api",
    "apis",
    "v1",
    "namespaces",
    "default",
    "services",
    "watch",
    "openapi",
    "v3",
    "v2",
    "healthz",
    "livez",
    "readyz",
    "metrics",
    "version",
    "logs",
    "..",
    ".",
    "%2f",
    "%252e",
    "%zz",
    ";a=b",
    "",
    "apps",
    "openid",
    ".well-known",
  ),
  fc.string({ maxLength: 8 }),
);

/** Paths of anything and nothing. */
export const hostilePath: fc.Arbitrary<FuzzRequest> = fc
  .tuple(
    fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"),
    fc.array(segment, { maxLength: 8 }),
    query,
    accept,
  )
  .map(([method, segments, search, wanted]) =>
    request(method, `/${segments.join("/")}`.replaceAll("?", "%3f").replaceAll("#", "%23"), search, {
      accept: wanted,
    }),
  );

/** Headers by which clients say who they are and what they want. */
export const hostileHeaders: fc.Arbitrary<FuzzRequest> = fc
  .tuple(
    fc.dictionary(
      fc.constantFrom(
        "authorization",
        "impersonate-user",
        "impersonate-group",
        "impersonate-uid",
        "impersonate-extra-%zz",
        "content-type",
        "accept",
        "accept-encoding",
        "if-none-match",
        "expect",
        "x-forwarded-for",
        "user-agent",
        "range",
      ),
      fc.oneof(
        fc.constantFrom(
          "Bearer ",
          "Bearer x",
          "Bearer eyJhbGciOiJub25lIn0.e30.",
          "Basic YTpi",
          "100-continue",
          "system:masters",
          "gzip;q=x",
          'W/"x"',
          "bytes=0-1",
        ),
        fc.stringMatching(/^[ -~]{0,30}$/),
      ),
      { maxKeys: 4 },
    ),
    fc.constantFrom(
      "/api/v1/services",
      "/api",
      "/apis",
      "/openapi/v3",
      "/openapi/v2",
      "/readyz?verbose",
      "/version",
      "/metrics",
    ),
  )
  .map(([headers, path]) => request("GET", path, "", headers));
