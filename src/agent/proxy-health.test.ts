import assert from "node:assert/strict";
import { test } from "node:test";
import { createProxyHealth, type ProxyHealth } from "./proxy-health.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");

function at(path: string, health: ProxyHealth): [status: number, body: Record<string, unknown>] {
  const answer = health.answer(path)!;
  return [answer.status, JSON.parse(answer.body) as Record<string, unknown>];
}

test("healthy until a change waits longer than the bound, and again when it is programmed", () => {
  let now = NOW;
  const health = createProxyHealth({ bound: 1000, clock: () => now });
  assert.equal(health.healthy, true);
  health.queued();
  now += 999;
  health.queued();
  assert.equal(at("/healthz", health)[0], 200);
  // Counted from the oldest change, however many come after it.
  now += 1;
  assert.equal(health.healthy, false);
  const [status, body] = at("/healthz", health);
  assert.equal(status, 503);
  assert.deepEqual(body, {
    lastUpdated: "1970-01-01T00:00:00.000Z",
    currentTime: "2026-01-01T00:00:01.000Z",
    nodeEligible: true,
    lastProgrammed: null,
    pendingMilliseconds: 1000,
  });
  assert.equal(at("/livez", health)[0], 503);
  health.updated();
  assert.equal(at("/healthz", health)[0], 200);
  now += 60_000;
  // Nothing to do for a minute is no reason to be unhealthy, and "lastUpdated" stays young, as kube-proxy's.
  assert.deepEqual(at("/healthz", health), [
    200,
    {
      lastUpdated: "2026-01-01T00:01:01.000Z",
      currentTime: "2026-01-01T00:01:01.000Z",
      nodeEligible: true,
      lastProgrammed: "2026-01-01T00:00:01.000Z",
      pendingMilliseconds: 0,
    },
  ]);
});

test("a node that is being deleted gets no new connections, and its agent is not restarted for that", () => {
  const health = createProxyHealth({ clock: () => NOW });
  const nodes = [
    { metadata: { name: "n1", deletionTimestamp: "2026-01-01T00:00:00Z" } },
    {
      metadata: { name: "n1" },
      spec: { taints: [{ key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" as const }] },
    },
  ];
  for (const node of nodes) {
    health.setNode(node);
    const [status, body] = at("/healthz", health);
    assert.deepEqual([status, body["nodeEligible"]], [503, false]);
    const [live, liveBody] = at("/livez", health);
    assert.deepEqual([live, "nodeEligible" in liveBody], [200, false]);
    health.setNode({ metadata: { name: "n1" }, spec: { taints: [{ key: "other", effect: "NoExecute" }] } });
    assert.equal(at("/healthz", health)[0], 200);
  }
});

test("an API server that is silent is shown and harms nobody; other paths are not ours", () => {
  const answers: string[] = [];
  const health = createProxyHealth({
    clock: () => NOW,
    silence: () => 3_600_000.4,
    onAnswer: (path, code) => answers.push(`${path} ${code}`),
  });
  const [status, body] = at("/healthz", health);
  assert.deepEqual([status, body["apiSilentMilliseconds"]], [200, 3_600_000]);
  assert.equal(health.answer("/metrics"), undefined);
  assert.deepEqual(answers, ["/healthz 200"]);
});
