/** The agent against an API server that is awkward: what it answers is scripted, and what becomes of the table is looked at. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { createHttpClient } from "../client/http.ts";
import { type Log, silentLog } from "../base/log.ts";
import { startAgent } from "./agent.ts";
import { createRecordingDataPlane } from "./recording-dataplane.ts";

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

const QUICK = { initial: 1, limit: 5 };

function service(name: string, address: string, version: number) {
  return {
    metadata: { namespace: "default", name, uid: `uid-${name}`, resourceVersion: String(version) },
    spec: { clusterIP: address, clusterIPs: [address], ports: [{ port: 80 }] },
  };
}

const web = service("web", "10.96.0.1", 1);
const api = service("api", "10.96.0.2", 2);

function json(code: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return (response) =>
    void response
      .writeHead(code, { "content-type": "application/json", ...headers })
      .end(JSON.stringify(value));
}

const list = (version: number, ...items: unknown[]): Answer =>
  json(200, { kind: "ServiceList", apiVersion: "v1", metadata: { resourceVersion: String(version) }, items });

const status = (code: number, more: object = {}): object => ({
  kind: "Status",
  status: "Failure",
  code,
  ...more,
});

/** Sends these events, and goes on sending nothing. */
const events =
  (...all: [type: string, object: object][]): Answer =>
  (response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    for (const [type, object] of all) response.write(`${JSON.stringify({ type, object })}\n`);
  };

const bookmark = (version: number, end = true): [string, object] => [
  "BOOKMARK",
  {
    kind: "Service",
    metadata: {
      resourceVersion: String(version),
      ...(end && { annotations: { "k8s.io/initial-events-end": "true" } }),
    },
  },
];

/** Half an event, and the connection is gone. */
const torn =
  (event: [string, object]): Answer =>
  (response, request) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.write(`${JSON.stringify({ type: event[0], object: event[1] })}\n{"type":"MODIF`, () =>
      request.socket.resetAndDestroy(),
    );
  };

/** What happens when Services are asked for, one after another; the last for ever. EndpointSlices are always none. */
async function agentOf(script: readonly Answer[], options: { watchList?: boolean; log?: Log } = {}) {
  const { watchList = false, log = silentLog } = options;
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url!, "http://server");
    if (!url.pathname.endsWith("/services")) {
      if (url.searchParams.get("sendInitialEvents") === "true") return events(bookmark(1))(response, request);
      return (url.searchParams.has("watch") ? events() : list(1))(response, request);
    }
    const verb = url.searchParams.has("watch") ? "watch" : "list";
    asked.push(`${verb} ${url.searchParams.get("resourceVersion") ?? ""}`.trim());
    assert.equal(
      url.searchParams.get("labelSelector"),
      "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name",
    );
    assert.match(request.headers["user-agent"]!, /^fairlead-agent\//);
    script[Math.min(asked.length, script.length) - 1]!(response, request);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = createHttpClient({
    server: `http://127.0.0.1:${port}`,
    userAgent: "fairlead-agent/test",
    watchIdleTimeout: 60_000,
  });
  const end = new AbortController();
  const plane = createRecordingDataPlane();
  const agent = startAgent({
    client,
    dataPlane: plane,
    nodeName: "n1",
    ranges: { ranges: [] },
    watchList,
    serverBackoff: QUICK,
    signal: end.signal,
    log,
  });
  const names = (): string =>
    Array.from(plane.ports.values(), (one) => one.service.slice("default/".length))
      .sort()
      .join();
  return {
    asked,
    plane,
    /** Resolves when exactly these Services are programmed. */
    until: (...wanted: string[]) => plane.until(() => names() === wanted.sort().join()),
    async [Symbol.asyncDispose]() {
      end.abort();
      await agent.done;
      client[Symbol.dispose]();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

test("a watch that begins with what is there replaces the list, and goes on", async () => {
  await using scope = await agentOf(
    [events(["ADDED", web], bookmark(5), ["ADDED", service("api", "10.96.0.2", 6)])],
    { watchList: true },
  );
  await scope.until("web", "api");
  assert.deepEqual(scope.asked, ["watch"]);
  assert.deepEqual(scope.plane.calls.filter((call) => !call.startsWith("sync")).length <= 1, true);
});

test("a beginning that breaks off changes nothing", async () => {
  await using scope = await agentOf(
    [
      events(["ADDED", web], ["ADDED", api], bookmark(5), ["ERROR", status(410)]),
      torn(["ADDED", web]),
      events(["ADDED", web], ["ERROR", status(500)]),
      events(["ADDED", web], ["ADDED", api], ["ADDED", service("new", "10.96.0.3", 7)], bookmark(8)),
    ],
    { watchList: true },
  );
  await scope.until("web", "api", "new");
  // Never a step back: the cut beginnings had only one of the two.
  const removed = scope.plane.calls.filter((call) => /-[1-9]/.test(call));
  assert.deepEqual(removed, []);
});

test("where WatchList is unknown, refused or without effect, a list does", async () => {
  for (const refusal of [json(422, status(422)), json(400, status(400))]) {
    await using scope = await agentOf([refusal, list(5, web), events()], { watchList: true });
    await scope.until("web");
    assert.deepEqual(scope.asked.slice(0, 2), ["watch", "list"]);
  }
});

test("refusals and failures of every kind leave the table as it is, and are tried again", async () => {
  const broken: [string, Answer][] = [
    ["500", json(500, status(500))],
    ["503 of a proxy", (response) => void response.writeHead(503).end("<html>upstream</html>")],
    ["429", json(429, status(429), { "retry-after": "0" })],
    ["401", json(401, status(401))],
    ["403", json(403, status(403))],
    ["a page of HTML", (response) => void response.writeHead(200).end("<html>captive portal</html>")],
    ["null", json(200, null)],
    ["an object that is no list", json(200, { status: "ok" })],
    ["a Status that calls itself good", json(200, status(200, { metadata: {}, items: [] }))],
    ["a list without a version", json(200, { metadata: {}, items: [] })],
    [
      "half a list",
      (response) => void response.writeHead(200, { "content-length": "500" }).write('{"items":['),
    ],
    ["a reset", (_, request) => void request.socket.resetAndDestroy()],
  ];
  for (const [what, answer] of broken) {
    const cut: Answer = (response, request) =>
      what === "half a list"
        ? (answer(response, request), setTimeout(() => request.socket.destroy(), 5))
        : answer(response, request);
    await using scope = await agentOf([
      list(5, web, api),
      events(["ERROR", status(410)]),
      cut,
      cut,
      list(9, web, api, service("new", "10.96.0.3", 8)),
      events(),
    ]);
    await scope.until("web", "api", "new");
    assert.deepEqual(
      scope.plane.calls.filter((call) => /-[1-9]/.test(call)),
      [],
      what,
    );
  }
});

test("a torn event is read again from the version before it", async () => {
  await using scope = await agentOf([
    list(5, web),
    torn(["ADDED", service("api", "10.96.0.2", 6)]),
    events(["DELETED", { ...web, metadata: { ...web.metadata, resourceVersion: "7" } }]),
  ]);
  await scope.until("api");
  assert.deepEqual(scope.asked, ["list", "watch 5", "watch 6"]);
});

test("what went while nobody watched is gone after the list, in one commit", async () => {
  await using scope = await agentOf([
    list(5, web, api),
    json(410, status(410, { reason: "Expired" })),
    list(9, service("new", "10.96.0.3", 8)),
    events(),
  ]);
  await scope.until("new");
  assert.deepEqual(scope.plane.calls.at(-1), "apply +1 -2");
});

test("a server that was put back to an older state is believed once it lists", async () => {
  const large = status(504, {
    reason: "Timeout",
    details: { causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }] },
  });
  await using scope = await agentOf([
    list(900, service("web", "10.96.0.1", 800), service("api", "10.96.0.2", 900)),
    json(504, large),
    list(30, service("web", "10.96.0.9", 20)),
    events(),
  ]);
  await scope.until("web");
  await scope.plane.until((ports) => ports.has("10.96.0.9|TCP|80"));
  assert.equal(scope.plane.ports.size, 1);
});

test("a compressed answer is read, asked for or not", async () => {
  const body = gzipSync(JSON.stringify({ metadata: { resourceVersion: "5" }, items: [web] }));
  const headers = { "content-type": "application/json", "content-encoding": "gzip" };
  await using scope = await agentOf([
    (response) => void response.writeHead(200, headers).end(body),
    (response) => {
      response.writeHead(200, headers);
      response.end(
        gzipSync(`${JSON.stringify({ type: "ADDED", object: service("api", "10.96.0.2", 6) })}\n`),
      );
    },
    events(),
  ]);
  await scope.until("web", "api");
});

test("a right that is missing is said once, with what to do", async () => {
  const errors: string[] = [];
  const log = { ...silentLog, error: (_: object, message: string) => void errors.push(message) };
  const forbidden = json(
    403,
    status(403, { reason: "Forbidden", message: 'cannot list resource "services"' }),
  );
  await using scope = await agentOf([forbidden, forbidden, list(5, web), events()], { log });
  await scope.until("web");
  assert.equal(errors.length, 1);
  assert.match(errors[0]!, /ClusterRole of deploy\/fairlead-agent.yaml/);
});
