/** The HTTP front on real sockets: who is let in, what is refused and how, and that nothing a client does breaks it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { createServer } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { gunzipSync } from "node:zlib";
import { namespaceKind } from "../src/api/namespace/kind.ts";
import { encodeMessage } from "../src/api/schema/protobuf/encode.ts";
import { decodeMessage } from "../src/api/schema/protobuf/decode.ts";
import { openEnvelope, sealEnvelope } from "../src/api/schema/protobuf/envelope.ts";
import { BindError } from "../src/server/http/bind-error.ts";
import { startServer } from "../src/server/start.ts";
import { createMemoryStore } from "../src/store/memory/memory-store.ts";
import { startApi, watchLines } from "./api-fixture.ts";

const SERVICES = "/api/v1/namespaces/default/services";

function service(name: string, spec: object = {}): object {
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } };
}

test("strangers see health and version, and are forbidden the rest", async (t) => {
  const { call } = await startApi(t);
  for (const path of ["/healthz", "/livez", "/readyz", "/version"])
    assert.equal((await call(path, { anonymous: true })).status, 200, path);
  for (const path of ["/", "/api", "/apis", "/readyz/ping", "/openapi/v3", "/nothing"]) {
    const reply = await call(path, { anonymous: true });
    assert.equal(reply.status, 403, path);
    assert.deepEqual(reply.json(), {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: `forbidden: User "system:anonymous" cannot get path "${path}"`,
      reason: "Forbidden",
      details: {},
      code: 403,
    });
  }
  assert.equal((await call(SERVICES, { anonymous: true })).status, 403);
});

test("as many lists at once as one HTTP/2 connection may have streams are all answered", async (t) => {
  const { server, credentials } = await startApi(t);
  const session = connectHttp2(server.url, { ...credentials, maxSessionMemory: 1000 });
  t.after(() => session.close());
  await once(session, "remoteSettings");
  const list = async (): Promise<unknown> => {
    const stream = session.request({ ":path": "/apis/rbac.authorization.k8s.io/v1/clusterroles" });
    const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
    for await (const _ of stream);
    return headers[":status"];
  };
  const statuses = await Promise.all(Array.from({ length: 900 }, list));
  assert.deepEqual(new Set(statuses), new Set([200]));
});

test("HTTP/2 and HTTP/1.1 answer alike", async (t) => {
  const { server, credentials, call } = await startApi(t);
  const session = connectHttp2(server.url, credentials);
  t.after(() => session.close());
  const stream = session.request({ ":path": `${SERVICES}/kubernetes` });
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  let text = "";
  for await (const piece of stream) text += String(piece);
  assert.equal(headers[":status"], 200);
  assert.equal(text, (await call(`${SERVICES}/kubernetes`)).text);
});

test("every refusal is a Status with its code", async (t) => {
  const { call, faults } = await startApi(t);
  await call(SERVICES, { method: "POST", body: service("web") });
  const table: [
    method: string,
    path: string,
    body: string | undefined,
    headers: Record<string, string>,
    code: number,
    reason: string,
  ][] = [
    ["GET", "/nothing", undefined, {}, 404, "NotFound"],
    ["GET", "/apis/nothing/v1", undefined, {}, 404, "NotFound"],
    ["GET", `${SERVICES}/nothing`, undefined, {}, 404, "NotFound"],
    ["GET", `${SERVICES}/web/nothing`, undefined, {}, 404, "NotFound"],
    ["PUT", SERVICES, "{}", {}, 405, "MethodNotAllowed"],
    ["POST", `${SERVICES}/web`, "{}", {}, 405, "MethodNotAllowed"],
    ["POST", "/api/v1/services", "{}", {}, 405, "MethodNotAllowed"],
    ["OPTIONS", SERVICES, undefined, {}, 405, "MethodNotAllowed"],
    ["GET", SERVICES, undefined, { accept: "text/html" }, 406, "NotAcceptable"],
    ["POST", SERVICES, "x", { "content-type": "text/plain" }, 415, "UnsupportedMediaType"],
    ["PATCH", `${SERVICES}/web`, "{}", { "content-type": "application/json" }, 415, "UnsupportedMediaType"],
    ["POST", SERVICES, "{", {}, 400, "BadRequest"],
    ["POST", SERVICES, '{"kind":"Pod","apiVersion":"v1"}', {}, 400, "BadRequest"],
    ["GET", `${SERVICES}?limit=x`, undefined, {}, 400, "BadRequest"],
    ["GET", `${SERVICES}?labelSelector=a%3D%3D%3D`, undefined, {}, 400, "BadRequest"],
    ["POST", `${SERVICES}?dryRun=Some`, JSON.stringify(service("x")), {}, 422, "Invalid"],
    ["GET", `${SERVICES}?watch=1&resourceVersion=999999`, undefined, {}, 504, "Timeout"],
  ];
  for (const [method, path, body, headers, code, reason] of table) {
    const reply = await call(path, { method, headers, ...(body !== undefined && { body }) });
    assert.equal(reply.status, code, `${method} ${path}: ${reply.text}`);
    const status = reply.json();
    assert.deepEqual(
      [status["kind"], status["status"], status["reason"], status["code"]],
      ["Status", "Failure", reason, code],
      `${method} ${path}`,
    );
  }
  assert.deepEqual(faults, []);
});

test("a body over 3 MiB is refused, announced or not", async (t) => {
  const { call, faults } = await startApi(t);
  const body = JSON.stringify(service("big", { selector: { a: "x".repeat(4 * 1024 * 1024) } }));
  for (const headers of [undefined, { "transfer-encoding": "chunked" }])
    assert.equal((await call(SERVICES, { method: "POST", body, ...(headers && { headers }) })).status, 413);
  assert.deepEqual(faults, []);
  assert.equal((await call("/readyz")).status, 200);
});

test("large lists are compressed for those who can read that", async (t) => {
  const { call, open } = await startApi(t);
  await Promise.all(
    Array.from({ length: 400 }, async (_, i) => call(SERVICES, { method: "POST", body: service(`s${i}`) })),
  );
  const plain = await call(SERVICES);
  assert.equal(plain.headers["content-encoding"], undefined);
  const response = await open(SERVICES, { headers: { "accept-encoding": "gzip" } });
  assert.equal(response.headers["content-encoding"], "gzip");
  const pieces: Buffer[] = [];
  for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
  assert.equal(gunzipSync(Buffer.concat(pieces)).toString(), plain.text);
  assert.equal((plain.json()["items"] as unknown[]).length, 401);
});

test("a watch streams events, ends at its time-out, and says 410 when it is too old", async (t) => {
  const { call, open, store } = await startApi(t);
  const response = await open(
    `${SERVICES}?watch=true&timeoutSeconds=1&resourceVersion=${store.revision}&allowWatchBookmarks=true`,
  );
  assert.equal(response.statusCode, 200);
  assert.equal(response.headers["content-type"], "application/json");
  await call(SERVICES, { method: "POST", body: service("web") });
  const seen: string[] = [];
  for await (const { type, object } of watchLines(response))
    seen.push(`${type} ${String(object.metadata["name"])}`);
  assert.deepEqual(seen, ["ADDED web", "BOOKMARK undefined"]);
  await store.compact(store.revision);
  const old = await call(`${SERVICES}?watch=true&resourceVersion=1`);
  assert.equal(old.status, 410);
  assert.equal(old.json()["reason"], "Expired");
});

test("tables are made for lists, objects and watches", async (t) => {
  const { call, open, store } = await startApi(t);
  const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
  interface Table {
    kind: string;
    apiVersion: string;
    columnDefinitions: { name: string }[];
    rows: { cells: unknown[]; object?: { kind: string } }[];
  }
  const list = (await call(SERVICES, { headers: { accept } })).json() as unknown as Table;
  assert.equal(`${list.apiVersion} ${list.kind}`, "meta.k8s.io/v1 Table");
  assert.equal(list.columnDefinitions[0]!.name, "Name");
  assert.equal(list.rows[0]!.cells[0], "kubernetes");
  assert.equal(list.rows[0]!.object!.kind, "PartialObjectMetadata");
  const none = (
    await call(`${SERVICES}/kubernetes?includeObject=None`, { headers: { accept } })
  ).json() as unknown as Table;
  assert.equal(none.rows[0]!.object, null);
  const response = await open(`${SERVICES}?watch=true&resourceVersion=${store.revision}`, {
    headers: { accept },
  });
  await call(SERVICES, { method: "POST", body: service("web") });
  for await (const { type, object } of watchLines(response)) {
    assert.equal(type, "ADDED");
    assert.equal((object as unknown as Table).rows[0]!.cells[0], "web");
    break;
  }
});

test("warnings are headers; strict validation refuses what the default warns about", async (t) => {
  const { call } = await startApi(t);
  const body = { ...service("web"), nonsense: 1 };
  const strict = await call(`${SERVICES}?fieldValidation=Strict`, { method: "POST", body });
  assert.equal(strict.status, 400);
  assert.equal(
    strict.json()["message"],
    'Service in version "v1" cannot be handled as a Service: strict decoding error: unknown field "nonsense"',
  );
  const warned = await call(SERVICES, { method: "POST", body });
  assert.equal(warned.status, 201);
  assert.equal(warned.headers["warning"], '299 - "unknown field \\"nonsense\\""');
});

test("clients that say nothing, nonsense, or leave in the middle do no harm", async (t) => {
  const { server, call, open, faults, credentials } = await startApi(t);
  const { host, port } = server.address;
  const silent = connectTls({ host, port, ca: credentials.ca, servername: "localhost" });
  await once(silent, "secureConnect");
  const nonsense = connectTls({ host, port, ca: credentials.ca, servername: "localhost" });
  await once(nonsense, "secureConnect");
  nonsense.write("NONSENSE\r\n\r\n");
  nonsense.on("error", () => {});
  nonsense.resume();
  await once(nonsense, "close");
  for (let i = 0; i < 20; i++) (await open(`${SERVICES}?watch=true`)).destroy();
  const half = connectTls({ host, port, ...credentials, servername: "localhost" });
  await once(half, "secureConnect");
  half.write(
    `POST ${SERVICES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":`,
  );
  half.destroy();
  assert.equal((await call("/readyz")).status, 200);
  silent.destroy();
  assert.deepEqual(faults, []);
});

test("a reader that does not read holds nothing up, and learns that it is too late", async (t) => {
  const store = createMemoryStore({ retention: { intervalMs: 0 } });
  const { call, open, faults } = await startApi(t, { store });
  await call(SERVICES, { method: "POST", body: service("web") });
  const slow = await open(`${SERVICES}?watch=1`);
  slow.pause();
  // More than sockets, TLS and streams can take up between them.
  const big = "x".repeat(200_000);
  for (let i = 0; i < 60; i++) {
    const patch = { metadata: { annotations: { big: `${i}${big}` } } };
    const headers = { "content-type": "application/merge-patch+json" };
    assert.equal((await call(`${SERVICES}/web`, { method: "PATCH", body: patch, headers })).status, 200);
  }
  await store.compact(store.revision);
  let last: { type: string; object: Record<string, unknown> } | undefined;
  let count = 0;
  for await (const line of watchLines(slow)) {
    last = line;
    count++;
  }
  assert.ok(count < 60, `${count} events were kept for it`);
  assert.equal(last!.type, "ERROR");
  assert.equal(last!.object["code"], 410);
  assert.equal(slow.complete, true);
  assert.deepEqual(faults, []);
});

test("WatchList over HTTP, as client-go 1.35 asks for it", async (t) => {
  const { open, store } = await startApi(t);
  const query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
  const response = await open(`/api/v1/namespaces?${query}`);
  const seen: string[] = [];
  for await (const { type, object } of watchLines(response)) {
    seen.push(`${type} ${String(object.metadata["name"])}`);
    if (type !== "BOOKMARK") continue;
    assert.deepEqual(object.metadata["annotations"], { "k8s.io/initial-events-end": "true" });
    assert.equal(object.metadata["resourceVersion"], String(store.revision));
    break;
  }
  assert.deepEqual(seen, [
    "ADDED default",
    "ADDED kube-node-lease",
    "ADDED kube-public",
    "ADDED kube-system",
    "BOOKMARK undefined",
  ]);
  const without = await open(`/api/v1/namespaces?watch=1&sendInitialEvents=true`);
  assert.equal(without.statusCode, 422);
  without.resume();
});

async function bytesOf(response: AsyncIterable<Buffer>): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  return Buffer.concat(pieces);
}

test("protobuf bodies come in, and protobuf goes out to those who would rather have it", async (t) => {
  const { call, open } = await startApi(t);
  const raw = encodeMessage(namespaceKind.schema, { metadata: { name: "shop" } });
  const body = sealEnvelope({ apiVersion: "v1", kind: "Namespace", raw });
  const headers = {
    "content-type": "application/vnd.kubernetes.protobuf",
    accept: "application/vnd.kubernetes.protobuf,application/json",
  };
  const created = await call("/api/v1/namespaces", { method: "POST", body, headers });
  assert.equal(created.status, 201, created.text);
  assert.equal(created.headers["content-type"], "application/vnd.kubernetes.protobuf");
  const answer = await bytesOf(await open("/api/v1/namespaces/shop", { headers }));
  const { apiVersion, kind, raw: message } = openEnvelope(answer);
  assert.equal(`${apiVersion} ${kind}`, "v1 Namespace");
  assert.deepEqual(decodeMessage(namespaceKind.schema, message)["spec"], { finalizers: ["kubernetes"] });
  const damaged = body.slice(0, body.length / 2);
  assert.equal((await call("/api/v1/namespaces", { method: "POST", body: damaged, headers })).status, 400);
});

test("a namespace that hangs can be let go through finalize", async (t) => {
  const { call } = await startApi(t);
  const body = { metadata: { name: "shop" }, spec: { finalizers: ["example.com/other"] } };
  await call("/api/v1/namespaces", { method: "POST", body });
  const going = await call("/api/v1/namespaces/shop", { method: "DELETE" });
  assert.equal((going.json()["status"] as { phase: string }).phase, "Terminating");
  const put = await call("/api/v1/namespaces/shop/finalize", {
    method: "PUT",
    body: { metadata: { name: "shop" }, spec: { finalizers: [] } },
  });
  assert.equal(put.status, 200, put.text);
  assert.equal((await call("/api/v1/namespaces/shop")).status, 404);
});

test("closing ends watches whole, and frees the port", async (t) => {
  const { server, open, store, directory } = await startApi(t);
  const response = await open(`${SERVICES}?watch=true`);
  const ended = (async () => {
    let count = 0;
    for await (const _line of watchLines(response)) count++;
    return count;
  })();
  await server.close();
  assert.equal(await ended, 1);
  assert.equal(response.complete, true, "ended, not broken off");
  const again = await startServer({ store, bind: server.address, dataDir: directory });
  await again.close();
});

test("a busy port is named, with what to do", async (t) => {
  const { store, directory } = await startApi(t);
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  t.after(() => other.close());
  const { port } = other.address() as { port: number };
  await assert.rejects(
    startServer({ store, bind: { host: "127.0.0.1", port }, dataDir: directory }),
    (error) => {
      assert.ok(error instanceof BindError);
      assert.match(error.message, new RegExp(`^127\\.0\\.0\\.1:${port} is in use: .*--bind`));
      return true;
    },
  );
});

test("the server publishes itself as the Service kubernetes", async (t) => {
  const { call, server } = await startApi(t);
  const { spec } = (await call(`${SERVICES}/kubernetes`)).json() as unknown as {
    spec: { clusterIP: string; ports: object[] };
  };
  assert.equal(spec.clusterIP, "10.96.0.1");
  const slices = (
    await call(
      "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name%3Dkubernetes",
    )
  ).json() as unknown as { items: { endpoints: { addresses: string[] }[]; ports: { port: number }[] }[] };
  assert.deepEqual(slices.items[0]!.endpoints[0]!.addresses, ["127.0.0.1"]);
  assert.equal(slices.items[0]!.ports[0]!.port, server.address.port);
});
