/** The forms of answers on real sockets: JSON, YAML, protobuf, Tables, metadata, compressed; and the methods there are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { parse } from "yaml";
import { serviceKind } from "../src/api/service/kind.ts";
import { decodeMessage } from "../src/api/schema/protobuf/decode.ts";
import { openEnvelope } from "../src/api/schema/protobuf/envelope.ts";
import { WireReader } from "../src/api/schema/protobuf/wire.ts";
import { type ApiFixture, startApi, watchLines } from "./api-fixture.ts";

const SERVICES = "/api/v1/namespaces/default/services";
const PROTOBUF = "application/vnd.kubernetes.protobuf";

async function create({ call }: ApiFixture, name: string): Promise<void> {
  const spec = { selector: { app: name }, ports: [{ port: 80 }] };
  const body = { apiVersion: "v1", kind: "Service", metadata: { name, labels: { app: name } }, spec };
  assert.equal((await call(SERVICES, { method: "POST", body })).status, 201);
}

async function bytesOf(response: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  return Buffer.concat(pieces);
}

test("a list says the same in JSON, indented JSON, YAML and protobuf", async (t) => {
  const api = await startApi(t);
  for (const name of ["web", "db"]) await create(api, name);
  const { call, open } = api;
  const json = (await call(SERVICES)).json() as { items: object[]; metadata: { resourceVersion: string } };
  assert.equal(json.items.length, 3);
  // Lists are put together from stored bytes; a single object is not.
  assert.deepEqual(json.items[0], (await call(`${SERVICES}/db`)).json());
  assert.deepEqual(json.items[1], (await call(`${SERVICES}/kubernetes`)).json());
  const pretty = await call(`${SERVICES}?pretty=true`);
  assert.deepEqual(pretty.json(), json);
  assert.equal(pretty.text, JSON.stringify(pretty.json(), null, 2));
  const yaml = await call(SERVICES, { headers: { accept: "application/yaml" } });
  assert.equal(yaml.headers["content-type"], "application/yaml");
  assert.deepEqual(parse(yaml.text), json);
  const { apiVersion, kind, raw } = openEnvelope(
    await bytesOf(await open(SERVICES, { headers: { accept: PROTOBUF } })),
  );
  assert.equal(`${apiVersion} ${kind}`, "v1 ServiceList");
  const items: object[] = [];
  for (const reader = new WireReader(raw); reader.next();)
    if (reader.number === 2)
      items.push({ apiVersion: "v1", kind: "Service", ...decodeMessage(serviceKind.schema, reader.bytes()) });
    else reader.skip();
  const names = (list: object[]): unknown[] =>
    list.map((item) => (item as { metadata: { name: string } }).metadata.name);
  assert.deepEqual(names(items), names(json.items));
});

test("metadata alone, in the form that was asked for", async (t) => {
  const { call } = await startApi(t);
  const as = (name: string): object => ({
    headers: { accept: `application/json;as=${name};g=meta.k8s.io;v=v1` },
  });
  const one = (await call(`${SERVICES}/kubernetes`, as("PartialObjectMetadata"))).json();
  assert.deepEqual(
    [one["kind"], one["apiVersion"], one["spec"]],
    ["PartialObjectMetadata", "meta.k8s.io/v1", undefined],
  );
  const list = (await call(SERVICES, as("PartialObjectMetadataList"))).json();
  assert.equal(list["kind"], "PartialObjectMetadataList");
  assert.equal((list["items"] as { kind: string }[])[0]!.kind, "PartialObjectMetadata");
  for (const [path, name] of [
    [SERVICES, "PartialObjectMetadata"],
    [`${SERVICES}/kubernetes`, "PartialObjectMetadataList"],
  ] as const)
    assert.equal((await call(path, as(name))).status, 406, name);
});

test("watches: protobuf in frames, the columns of a Table once, no YAML", async (t) => {
  const api = await startApi(t);
  const { open, call, store } = api;
  const from = `${SERVICES}?watch=1&resourceVersion=${store.revision}`;
  const framed = await open(from, { headers: { accept: `${PROTOBUF};stream=watch,application/json` } });
  assert.equal(framed.headers["content-type"], `${PROTOBUF};stream=watch`);
  const table = await open(from, { headers: { accept: "application/json;as=Table;g=meta.k8s.io;v=v1" } });
  await create(api, "web");
  for await (const piece of framed as AsyncIterable<Buffer>) {
    const length = piece.readUInt32BE();
    assert.equal(piece.length, length + 4);
    const event = new WireReader(piece.subarray(4));
    event.next();
    assert.equal(event.text(), "ADDED");
    event.next();
    const extension = new WireReader(event.bytes());
    extension.next();
    const { kind, raw } = openEnvelope(extension.bytes());
    assert.equal(kind, "Service");
    const { metadata } = decodeMessage(serviceKind.schema, raw) as { metadata: { name: string } };
    assert.equal(metadata.name, "web");
    break;
  }
  await create(api, "db");
  const columns: unknown[] = [];
  for await (const { object } of watchLines(table as AsyncIterable<Buffer>)) {
    columns.push(object["columnDefinitions"]);
    if (columns.length === 2) break;
  }
  assert.ok(Array.isArray(columns[0]));
  assert.equal(columns[1], null);
  const yaml = await call(from, { headers: { accept: "application/yaml" } });
  assert.equal(yaml.status, 406);
  assert.match(
    yaml.text,
    /application\/json;stream=watch, application\/vnd\.kubernetes\.protobuf;stream=watch/,
  );
});

test("large answers are compressed, in every form, and HEAD has no body", async (t) => {
  const api = await startApi(t);
  await Promise.all(Array.from({ length: 400 }, async (_, i) => create(api, `s${i}`)));
  for (const accept of ["application/json", "application/yaml"]) {
    const plain = await bytesOf(await api.open(SERVICES, { headers: { accept } }));
    const response = await api.open(SERVICES, { headers: { accept, "accept-encoding": "gzip" } });
    assert.equal(response.headers["content-encoding"], "gzip");
    assert.deepEqual(gunzipSync(await bytesOf(response)), plain);
  }
  const head = await api.call(SERVICES, { method: "HEAD" });
  assert.deepEqual([head.status, head.text], [200, ""]);
});

test("a method that is not there is a 405 that names those that are", async (t) => {
  const { call } = await startApi(t);
  const table: [method: string, path: string, allow: string][] = [
    ["PUT", SERVICES, "GET, HEAD, POST, DELETE"],
    ["POST", "/api/v1/services", "GET, HEAD"],
    ["OPTIONS", `${SERVICES}/web`, "GET, HEAD, PUT, PATCH, DELETE"],
    ["DELETE", "/api/v1/namespaces", "GET, HEAD, POST"],
    ["GET", "/api/v1/namespaces/default/serviceaccounts/default/token", "POST"],
    ["GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "POST"],
  ];
  for (const [method, path, allow] of table) {
    const { status, headers, text } = await call(path, { method });
    assert.equal(status, 405, `${method} ${path}`);
    assert.equal(headers["allow"], allow, `${method} ${path}`);
    assert.match(text, /the server does not allow this method on the requested resource/);
  }
});

test("options are refused in upstream's words", async (t) => {
  const { call } = await startApi(t);
  const table: [query: string, code: number, message: string][] = [
    [
      "resourceVersionMatch=Exact",
      422,
      "resourceVersionMatch is forbidden unless resourceVersion is provided",
    ],
    ["sendInitialEvents=true", 422, "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"],
    [
      "watch=1&resourceVersionMatch=NotOlderThan&resourceVersion=1",
      422,
      "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
    ],
    ["limit=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
    ["continue=x", 400, "invalid continue token: continue key is not valid"],
    ["resourceVersion=99999", 504, "Timeout: Too large resource version: 99999, current: "],
  ];
  for (const [query, code, message] of table) {
    const { status, text } = await call(`${SERVICES}?${query}`);
    assert.equal(status, code, `${query}: ${text}`);
    const refusal = JSON.parse(text) as { message: string; details?: object };
    assert.ok(refusal.message.includes(message), refusal.message);
    if (code === 504)
      assert.deepEqual(refusal.details, {
        causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
        retryAfterSeconds: 1,
      });
  }
});

test("a list that is continued after its version is gone is a 410 with a token to go on", async (t) => {
  const api = await startApi(t);
  for (const name of ["a", "b", "c"]) await create(api, name);
  const { call, store } = api;
  const first = (await call(`${SERVICES}?limit=2`)).json() as {
    metadata: { continue: string; remainingItemCount: number };
  };
  assert.equal(first.metadata.remainingItemCount, 2);
  await create(api, "d");
  await store.compact(store.revision);
  const next = async (token: string) => call(`${SERVICES}?limit=2&continue=${encodeURIComponent(token)}`);
  const gone = await next(first.metadata.continue);
  assert.equal(gone.status, 410);
  const { reason, metadata } = gone.json() as { reason: string; metadata: { continue: string } };
  assert.equal(reason, "Expired");
  const rest = (await next(metadata.continue)).json() as { items: { metadata: { name: string } }[] };
  assert.deepEqual(
    rest.items.map((item) => item.metadata.name),
    ["c", "d"],
  );
});

test("a deprecated kind warns on every request", async (t) => {
  const { call } = await startApi(t);
  const { headers } = await call("/api/v1/namespaces/default/endpoints");
  assert.equal(
    headers["warning"],
    '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"',
  );
});
