/** Many watches, watches of many objects, and readers that do not read, on real sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { type ApiFixture, startApi, watchLines } from "./api-fixture.ts";

const SERVICES = "/api/v1/namespaces/default/services";
const MERGE = { "content-type": "application/merge-patch+json" };
/** How long anything here may take, milliseconds. */
const DEADLINE = 30_000;

type Line = { readonly type: string; readonly object: { readonly metadata: Record<string, unknown> } };

async function createService({ call }: ApiFixture, name: string): Promise<string> {
  const body = { metadata: { name }, spec: { clusterIP: "None", ports: [{ port: 80 }] } };
  const reply = await call(SERVICES, { method: "POST", body });
  assert.equal(reply.status, 201, reply.text);
  return (reply.json()["metadata"] as { resourceVersion: string }).resourceVersion;
}

async function annotate({ call }: ApiFixture, name: string, note: string): Promise<string> {
  const body = { metadata: { annotations: { note } } };
  const reply = await call(`${SERVICES}/${name}`, { method: "PATCH", body, headers: MERGE });
  assert.equal(reply.status, 200, reply.text);
  return (reply.json()["metadata"] as { resourceVersion: string }).resourceVersion;
}

/** All that a watch says until it ends. */
async function linesOf(response: IncomingMessage): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of watchLines(response as AsyncIterable<Buffer>)) lines.push(line);
  return lines;
}

const versionOf = ({ type, object }: Line): string => `${type}@${String(object.metadata["resourceVersion"])}`;

/** The value of a metric with these labels in its line, or 0. */
async function metric({ call }: ApiFixture, name: string, label: string): Promise<number> {
  const { text } = await call("/metrics");
  const line = text.split("\n").find((one) => one.startsWith(`${name}{`) && one.includes(label));
  return line === undefined ? 0 : Number(line.split(" ").at(-1));
}

async function until(t: TestContext, what: string, holds: () => Promise<boolean>): Promise<void> {
  const signal = AbortSignal.any([t.signal, AbortSignal.timeout(DEADLINE)]);
  while (!(await holds())) await delay(20, undefined, { signal }).catch(() => assert.fail(what));
}

test(
  "200 watches hear of all changes in order; a server that stops ends them at once, with a bookmark for who wants one",
  { timeout: 60_000 },
  async (t) => {
    const api = await startApi(t);
    const created = await createService(api, "web");
    const query = `watch=1&resourceVersion=${created}`;
    const watches = await Promise.all(
      Array.from({ length: 200 }, async (_, i) =>
        api.open(`${SERVICES}?${query}${i % 2 === 0 ? "&allowWatchBookmarks=true" : ""}`),
      ),
    );
    const heard = Promise.all(watches.map(linesOf));
    const versions: string[] = [];
    for (let i = 0; i < 10; i++) versions.push(await annotate(api, "web", String(i)));
    const events = 'group="",version="v1",resource="services"';
    await until(
      t,
      "not all events were sent",
      async () => (await metric(api, "apiserver_watch_events_total", events)) === 2000,
    );
    const began = performance.now();
    await api.server.close();
    const took = performance.now() - began;
    assert.ok(took < 3000, `${took} ms`);
    const expected = versions.map((version) => `MODIFIED@${version}`);
    for (const [i, lines] of (await heard).entries()) {
      assert.equal(watches[i]!.complete, true);
      const last = i % 2 === 0 ? [`BOOKMARK@${versions.at(-1)!}`] : [];
      assert.deepEqual(lines.map(versionOf), [...expected, ...last]);
    }
    assert.deepEqual(api.faults, []);
  },
);

test(
  "a connection that takes nothing is cut off in time, and costs the other watches nothing",
  { timeout: 60_000 },
  async (t) => {
    const api = await startApi(t, { limits: { stallTimeout: 500 } });
    const created = await createService(api, "web");
    const path = `${SERVICES}?watch=1&resourceVersion=${created}`;
    const { host, port } = api.server.address;
    const stalled = connectTls({ host, port, ...api.credentials });
    t.after(() => stalled.destroy());
    stalled.on("error", () => {});
    await once(stalled, "secureConnect");
    stalled.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    await once(stalled, "data");
    stalled.pause();
    const reading = await api.open(path);
    const lines = watchLines(reading as AsyncIterable<Buffer>);
    const watching = async (): Promise<number> =>
      metric(api, "apiserver_longrunning_requests", 'verb="WATCH"');
    assert.equal(await watching(), 2);
    const big = "x".repeat(200_000);
    let slowest = 0;
    const stopped = performance.now();
    // More than TLS and sockets take up between them.
    for (let i = 0; i < 60; i++) {
      const began = performance.now();
      const version = await annotate(api, "web", `${i}${big}`);
      const { value } = await lines.next();
      slowest = Math.max(slowest, performance.now() - began);
      assert.equal(versionOf(value), `MODIFIED@${version}`);
    }
    await until(t, "the connection was not cut off", async () => (await watching()) === 1);
    const cut = performance.now() - stopped;
    assert.ok(cut >= 500, `cut off after ${cut} ms already`);
    assert.ok(slowest < 2000, `a change took ${slowest} ms to arrive`);
    // What was sent is there, and does not look complete.
    let text = "";
    stalled.on("data", (piece: Buffer) => (text += piece.toString()));
    stalled.resume();
    await once(stalled, "close");
    assert.ok(text.length > 0);
    assert.ok(!text.endsWith("0\r\n\r\n"));
    reading.destroy();
    assert.deepEqual(api.faults, []);
  },
);

test(
  "a watch that begins with many objects tells of each once, in JSON as they are read, and then of what comes",
  { timeout: 60_000 },
  async (t) => {
    const api = await startApi(t);
    const names = Array.from({ length: 700 }, (_, i) => `s${String(i).padStart(3, "0")}`);
    for (let i = 0; i < names.length; i += 50)
      await Promise.all(names.slice(i, i + 50).map(async (name) => createService(api, name)));
    const list = (await api.call(SERVICES)).json() as unknown as { items: Line["object"][] };
    const response = await api.open(
      `${SERVICES}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    );
    const lines = watchLines(response as AsyncIterable<Buffer>);
    for (const item of list.items) {
      const { value } = await lines.next();
      const { apiVersion, kind, metadata, ...rest } = value!.object;
      assert.deepEqual([value!.type, apiVersion, kind], ["ADDED", "v1", "Service"]);
      assert.deepEqual({ apiVersion, kind, metadata, ...rest }, { apiVersion, kind, ...item });
    }
    const mark = (await lines.next()).value!;
    assert.deepEqual(mark.object.metadata["annotations"], { "k8s.io/initial-events-end": "true" });
    const version = await annotate(api, "s001", "later");
    assert.equal(versionOf((await lines.next()).value), `MODIFIED@${version}`);
    response.destroy();
  },
);
