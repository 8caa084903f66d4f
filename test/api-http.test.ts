/** The HTTP front on real sockets: who is let in, what is refused and how, and that nothing a client does breaks it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { createServer } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { gunzipSync } from "node:zlib";
import { BindError } from "../src/server/http/front.ts";
import { startServer } from "../src/server/start.ts";
import { startApi, watchLines } from "./api-fixture.ts";

const SERVICES = "/api/v1/namespaces/default/services";

function service(name: string, spec: object = {}): object {
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } };
}

test("strangers see health and version, and get 401 for the rest", async (t) => {
  const { call } = await startApi(t);
  for (const path of ["/healthz", "/livez", "/readyz", "/readyz/ping", "/version"])
    assert.equal((await call(path, { anonymous: true })).status, 200, path);
  for (const path of ["/", "/api", "/apis", SERVICES, "/openapi/v3", "/nothing"]) {
    const reply = await call(path, { anonymous: true });
    assert.equal(reply.status, 401, path);
    assert.deepEqual(reply.json(), {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: "Unauthorized",
      reason: "Unauthorized",
      code: 401,
    });
  }
});

test("health tells each check when asked", async (t) => {
  const { call } = await startApi(t);
  assert.equal((await call("/readyz")).text, "ok");
  assert.equal((await call("/readyz?verbose")).text, "[+]ping ok\n[+]store ok\nreadyz check passed\n");
  assert.equal((await call("/readyz?verbose&exclude=store")).text, "[+]ping ok\nreadyz check passed\n");
  assert.equal((await call("/livez/nothing")).status, 404);
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
  assert.equal(none.rows[0]!.object, undefined);
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
