/** What operators ask a server: health, metrics, the list of paths; and how it ends. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { startApi, watchLines } from "./api-fixture.ts";

const SERVICES = "/api/v1/namespaces/default/services";

test("health tells each check when asked, in upstream's words", async (t) => {
  const { call } = await startApi(t);
  assert.equal((await call("/readyz")).text, "ok");
  assert.equal(
    (await call("/readyz?verbose")).text,
    "[+]ping ok\n[+]store ok\n[+]poststarthook/start-kubernetes-service ok\n[+]shutdown ok\nreadyz check passed\n",
  );
  assert.equal(
    (await call("/livez?verbose&exclude=store")).text,
    "[+]ping ok\n[+]store excluded: ok\nlivez check passed\n",
  );
  assert.equal((await call("/livez/store")).text, "ok");
  assert.equal((await call("/readyz/poststarthook/start-kubernetes-service")).text, "ok");
  assert.equal((await call("/livez/nothing")).status, 404);
});

test("metrics count requests, watches and the process by upstream's names", async (t) => {
  const { call, open } = await startApi(t);
  await call(SERVICES);
  await call(`${SERVICES}/nothing`);
  await call("/apis/made.up/v1/anything");
  const watch = await open(`${SERVICES}?watch=1`);
  const lines = watchLines(watch);
  await lines.next();
  const { text, status, headers } = await call("/metrics");
  assert.equal(status, 200);
  assert.match(headers["content-type"]!, /^text\/plain; version=0\.0\.4/);
  const labels = (verb: string, scope: string): string =>
    `verb="${verb}",group="",version="v1",resource="services",subresource="",scope="${scope}",component="apiserver"`;
  for (const line of [
    `apiserver_request_total{${labels("LIST", "namespace")},dry_run="",code="200"} 1`,
    `apiserver_request_total{${labels("GET", "resource")},dry_run="",code="404"} 1`,
    `apiserver_request_duration_seconds_count{${labels("LIST", "namespace")},dry_run=""} 1`,
    `apiserver_longrunning_requests{${labels("WATCH", "namespace")}} 1`,
    'apiserver_current_inflight_requests{request_kind="readOnly"} 1',
    'apiserver_watch_events_total{group="",version="v1",resource="services"}',
  ])
    assert.ok(text.includes(line), `${line} is not in\n${text.slice(0, 4000)}`);
  for (const name of ["process_cpu_seconds_total", "nodejs_eventloop_lag_seconds", "fairlead_store_revision"])
    assert.match(text, new RegExp(`^${name} `, "m"));
  assert.doesNotMatch(text, /made\.up/);
  await lines.return(undefined);
  watch.destroy();
  assert.equal((await call("/metrics", { anonymous: true })).status, 403);
});

test("the index names every group and operation", async (t) => {
  const { call } = await startApi(t);
  const { paths } = (await call("/")).json() as { paths: string[] };
  for (const path of [
    "/api/v1",
    "/apis/discovery.k8s.io/v1",
    "/metrics",
    "/openapi/v2",
    "/readyz",
    "/version",
  ])
    assert.ok(paths.includes(path), path);
  for (const path of paths) assert.equal((await call(path)).status, 200, path);
});

test("a server that stops ends its watches properly and is gone within three seconds", async (t) => {
  const { server, open, credentials } = await startApi(t);
  const watches = await Promise.all(
    Array.from({ length: 50 }, async () => open(`${SERVICES}?watch=1&resourceVersion=1`)),
  );
  const session = connectHttp2(server.url, credentials);
  session.on("error", () => {});
  const stream = session.request({ ":path": `${SERVICES}?watch=1&resourceVersion=1` });
  await once(stream, "response");
  stream.resume();
  const ends = Promise.all([...watches.map(async (watch) => completed(watch)), once(stream, "end")]);
  const goaway = once(session, "goaway");
  const began = performance.now();
  await server.close();
  assert.ok(performance.now() - began < 3000);
  const [code] = (await goaway) as [number];
  assert.equal(code, 0);
  assert.equal(stream.rstCode, 0);
  for (const complete of (await ends).slice(0, -1)) assert.equal(complete, true);
});

/** Whether the answer came to its end, instead of breaking off. */
async function completed(response: IncomingMessage): Promise<boolean> {
  response.resume();
  await once(response, "close");
  return response.complete;
}
