import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { freeTcpPort } from "../dataplane/userspace/loopback-peers.ts";
import type { HealthCheck } from "../dataplane/health-check-ports.ts";
import { createHealthCheckServers } from "./health-check-servers.ts";

async function ask(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/whatever`, { headers: { connection: "close" } });
  const weight = response.headers.get("x-load-balancing-endpoint-weight");
  return `${response.status} ${weight} ${await response.text()}`;
}

function servers(healthy = (): boolean => true) {
  const end = new AbortController();
  const failures: string[] = [];
  const failed = Promise.withResolvers<void>();
  const checks = createHealthCheckServers({
    netns: undefined,
    healthy,
    onFailure(service, port, error) {
      failures.push(`${service} ${port} ${error.message.replace(/^.*: /, "")}`);
      failed.resolve();
    },
    backoff: { initial: 1, limit: 5 },
    signal: end.signal,
  });
  return { checks, failures, failed: failed.promise, [Symbol.dispose]: () => end.abort() };
}

const of = (...ports: [number, HealthCheck][]): ReadonlyMap<number, HealthCheck> => new Map(ports);

test("each port tells of its Service's endpoints here, and follows the Services", async () => {
  const [first, second] = [await freeTcpPort("127.0.0.1"), await freeTcpPort("127.0.0.1")];
  let healthy = true;
  using scope = servers(() => healthy);
  const { checks } = scope;
  const web = { service: "shop/web", localEndpoints: 2 };
  checks.set(of([first, web], [second, { service: "shop/api", localEndpoints: 0 }]));
  await checks.settled();
  const body = '{"service":{"namespace":"shop","name":"web"},"localEndpoints":2,"serviceProxyHealthy":true}';
  assert.equal(await ask(first), `200 2 ${body}`);
  assert.match(await ask(second), /^503 0 .*"localEndpoints":0/);
  healthy = false;
  assert.match(await ask(first), /^503 2 .*"serviceProxyHealthy":false/);
  healthy = true;
  // The count changes without the port being closed; a Service that has gone takes its port along.
  checks.set(of([first, { ...web, localEndpoints: 1 }]));
  assert.match(await ask(first), /^200 1 /);
  await assert.rejects(ask(second), /fetch failed/);
  // The port goes over to another Service.
  checks.set(of([first, { service: "shop/other", localEndpoints: 1 }]));
  await checks.settled();
  assert.match(await ask(first), /"name":"other"/);
});

test("a port that is taken is told once, and served as soon as it is free", async () => {
  const other = createServer().listen(0, "0.0.0.0");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  using scope = servers();
  scope.checks.set(of([port, { service: "shop/web", localEndpoints: 1 }]));
  await scope.failed;
  await scope.checks.settled();
  other.close();
  await once(other, "close");
  let answer = "";
  for (const deadline = Date.now() + 5000; answer === "";)
    answer = await ask(port).catch((error: unknown) => {
      if (Date.now() > deadline) throw error;
      return "";
    });
  assert.match(answer, /^200 1 /);
  assert.equal(scope.failures.length, 1);
  assert.match(scope.failures[0]!, /^shop\/web \d+ EADDRINUSE/);
});
