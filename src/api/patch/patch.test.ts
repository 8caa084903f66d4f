import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../api-error.ts";
import { serviceKind } from "../service/kind.ts";
import type { Service } from "../service/type.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { applyMergePatch } from "./merge-patch.ts";
import { applyPatch, parsePatch } from "./patch.ts";
import type { PatchType } from "./patch.ts";

test("merge patch: the examples of RFC 7386, appendix A", () => {
  const rows: [unknown, unknown, unknown][] = [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, expected] of rows) assert.deepEqual(applyMergePatch(target, patch), expected);
});

test("merge patch: __proto__ is a key like any other", () => {
  const result = applyMergePatch({}, JSON.parse('{"__proto__":{"polluted":true}}')) as object;
  assert.equal((result as { polluted?: boolean }).polluted, undefined);
  assert.deepEqual(Object.keys(result), ["__proto__"]);
});

const refusal = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof ApiError, String(error));
    return `${error.code} ${error.message}`;
  }
  return "accepted";
};

test("JSON patch: operations, and what is refused", () => {
  const target = { a: [1, 2], b: { "c/d": "x" } };
  assert.deepEqual(
    applyJsonPatch(target, [
      { op: "test", path: "/b/c~1d", value: "x" },
      { op: "add", path: "/a/-", value: 3 },
      { op: "move", from: "/b", path: "/e" },
      { op: "copy", from: "/a/0", path: "/f" },
      { op: "remove", path: "/a/1" },
      { op: "replace", path: "/a/0", value: 9 },
    ]),
    { a: [9, 3], e: { "c/d": "x" }, f: 1 },
  );
  assert.deepEqual(target, { a: [1, 2], b: { "c/d": "x" } });
  const rejected = "422 the server rejected our request due to an error in our request: operation 0 ";
  const rows: [unknown, string][] = [
    [[{ op: "test", path: "/a/0", value: 2 }], `${rejected}(test /a/0): Test failed: 1 != 2`],
    [[{ op: "remove", path: "/z" }], `${rejected}(remove /z): Value required at path: /z`],
    [[{ op: "add", path: "/z/y", value: 1 }], `${rejected}(add /z/y): Value required at path: /z/y`],
    [[{ op: "replace", path: "/a/7", value: 1 }], `${rejected}(replace /a/7): Value required at path: /a/7`],
    [{}, "400 a JSON patch is a list of operations"],
    [[{ op: "frob", path: "/a" }], '400 operation 0 of the JSON patch has no known "op"'],
    [[{ op: "add", path: "a", value: 1 }], '400 operation 0 of the JSON patch has no JSON pointer in "path"'],
    [[{ op: "move", path: "/a" }], '400 operation 0 of the JSON patch has no JSON pointer in "from"'],
    [
      [{ op: "add", path: "/__proto__/x", value: 1 }],
      '400 operation 0 of the JSON patch points at "/__proto__/x"',
    ],
    [
      Array.from({ length: 10_001 }, () => ({ op: "test", path: "/a" })),
      "413 Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001",
    ],
  ];
  for (const [patch, expected] of rows)
    assert.equal(
      refusal(() => applyJsonPatch(target, patch)),
      expected,
    );
});

const SERVICE: Service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web" },
  spec: { ports: [{ port: 80 }] },
};
const STRICT = { fieldValidation: "Strict" } as const;

test("the patched object is checked like any other, and the refusal names the patch", () => {
  const apply = (type: PatchType, patch: unknown): string =>
    refusal(() => applyPatch(serviceKind, SERVICE, { type, patch }, STRICT));
  assert.equal(
    apply("strategic", { spec: { foo: 1 } }),
    '422  "" is invalid: patch: Invalid value: "map[spec:map[foo:1]]": strict decoding error: unknown field "spec.foo"',
  );
  assert.match(
    apply("merge", { spec: { ports: "x" } }),
    /^422 {2}"" is invalid: patch: Invalid value: ".*": json: cannot unmarshal string into Go struct field ServiceSpec.spec.ports of type \[\]v1.ServicePort$/,
  );
  assert.match(
    apply("json", [{ op: "replace", path: "/kind", value: "Pod" }]),
    /^422 .*a patch cannot make a Service into v1 Pod$/,
  );
  assert.equal(apply("merge", []), "400 a merge patch of an object is a JSON object");
  const result = applyPatch(
    serviceKind,
    SERVICE,
    { type: "merge", patch: { metadata: { labels: { a: "1" } } } },
    STRICT,
  );
  assert.deepEqual(result.metadata, { name: "web", labels: { a: "1" } });
});

test("the body of a PATCH: media types, malformed JSON, duplicate keys", () => {
  const parse = (mediaType: string, body: string): string =>
    refusal(() => parsePatch(mediaType, new TextEncoder().encode(body), STRICT));
  assert.equal(parse("application/merge-patch+json", "{}"), "accepted");
  assert.match(parse("application/json", "{}"), /^415 .*application\/json-patch\+json/);
  assert.match(parse("application/merge-patch+json", "{"), /^400 error decoding patch: /);
  assert.equal(
    parse("application/merge-patch+json", '{"spec":{"type":"a","type":"b"}}'),
    '400 error decoding patch: strict decoding error: duplicate field "spec.type"',
  );
});
