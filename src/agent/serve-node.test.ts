import assert from "node:assert/strict";
import { test } from "node:test";
import { createAgentMetrics } from "./metrics.ts";
import { createProxyHealth } from "./proxy-health.ts";
import { serveNode } from "./serve-node.ts";

const LOOPBACK = { host: "127.0.0.1", port: 0 };

/** Text answers of both ports by path, after `metrics` has counted what it is given. */
async function served(metrics = createAgentMetrics()) {
  const end = new AbortController();
  const ports = { healthz: Promise.withResolvers<number>(), metrics: Promise.withResolvers<number>() };
  const done = serveNode({
    healthz: LOOPBACK,
    metrics: LOOPBACK,
    netns: undefined,
    health: createProxyHealth({ onAnswer: (path, code) => metrics.healthAnswered(path, code) }),
    registry: metrics.registry,
    proxyMode: "nftables",
    onListening: (what, port) => ports[what].resolve(port),
    signal: end.signal,
  });
  return {
    async get(port: "healthz" | "metrics", path: string, method = "GET"): Promise<[number, string]> {
      const url = `http://127.0.0.1:${await ports[port].promise}${path}`;
      const response = await fetch(url, { method, headers: { connection: "close" } });
      return [response.status, await response.text()];
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await done;
    },
  };
}

test("health and metrics are where kube-proxy has them", async () => {
  await using node = await served();
  const [status, body] = await node.get("healthz", "/healthz");
  assert.equal(status, 200);
  assert.match(body, /"lastUpdated":"\d{4}-/);
  assert.equal((await node.get("healthz", "/livez"))[0], 200);
  assert.deepEqual(await node.get("healthz", "/metrics"), [404, ""]);
  assert.deepEqual(await node.get("healthz", "/healthz", "POST"), [405, ""]);
  assert.deepEqual(await node.get("metrics", "/proxyMode"), [200, "nftables"]);
  assert.deepEqual(await node.get("metrics", "/nothing"), [404, ""]);
  const [, text] = await node.get("metrics", "/metrics");
  assert.match(text, /^kubeproxy_proxy_healthz_total\{code="200"\} 1$/m);
});

test("what was programmed is counted, with Kubernetes' buckets", async () => {
  const metrics = createAgentMetrics();
  metrics.queued("service");
  metrics.queued("endpoints");
  metrics.queued("endpoints");
  metrics.queued("node");
  metrics.programmed({
    how: "delta",
    written: 3,
    sinceEvent: 2,
    duration: 0.06,
    sinceTriggers: [200, 1500, 61_000],
  });
  metrics.failed();
  metrics.observe({
    table: () => ({
      ports: new Map([
        [
          "10.96.0.1|TCP|80",
          {
            service: "shop/web",
            portName: "",
            address: "10.96.0.1",
            protocol: "TCP",
            port: 80,
            backends: [
              { address: "10.1.0.1", port: 80 },
              { address: "10.1.0.2", port: 80 },
            ],
          },
        ],
      ]),
      ranges: [],
    }),
    services: () => 1,
    conflicts: () => [],
    silence: () => 1500,
    kernel: {
      readCounters: () => ({ refused: 7, discarded: 0, notAllowed: 1 }),
      readMapFill: () => [{ name: "affinity4", elements: 5, limit: 100 }],
    },
  });
  await using node = await served(metrics);
  await node.get("metrics", "/metrics");
  // A second time: what the kernel counts is not added up.
  const [, text] = await node.get("metrics", "/metrics");
  const value = (name: string): string | undefined =>
    text
      .split("\n")
      .find((line) => line.startsWith(`${name} `))
      ?.split(" ")[1];
  const expected: Record<string, string> = {
    'kubeproxy_network_programming_duration_seconds_bucket{le="0.25"}': "1",
    'kubeproxy_network_programming_duration_seconds_bucket{le="2"}': "2",
    'kubeproxy_network_programming_duration_seconds_bucket{le="60"}': "2",
    'kubeproxy_network_programming_duration_seconds_bucket{le="65"}': "3",
    'kubeproxy_network_programming_duration_seconds_bucket{le="300"}': "3",
    'kubeproxy_sync_proxy_rules_duration_seconds_bucket{le="0.0001"}': "1",
    'fairlead_event_to_commit_seconds_count{how="delta"}': "1",
    kubeproxy_sync_proxy_rules_service_changes_pending: "1",
    kubeproxy_sync_proxy_rules_endpoint_changes_pending: "2",
    kubeproxy_sync_proxy_rules_endpoint_changes_total: "2",
    fairlead_dataplane_failures_total: "1",
    'fairlead_dataplane_written_total{how="delta"}': "3",
    fairlead_services: "1",
    fairlead_virtual_ports: "1",
    fairlead_backends: "2",
    fairlead_virtual_port_conflicts: "0",
    fairlead_api_silence_seconds: "1.5",
    'fairlead_rejected_packets_total{verdict="refused"}': "7",
    'fairlead_rejected_packets_total{verdict="not_allowed"}': "1",
    'fairlead_map_elements{map="affinity4"}': "5",
    'fairlead_map_limit{map="affinity4"}': "100",
  };
  assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, value(name)])), expected);
  const buckets = text.match(/^kubeproxy_network_programming_duration_seconds_bucket/gm);
  // 2 + 59 + 12 + 7 and infinity, as pkg/proxy/metrics/metrics.go has them.
  assert.equal(buckets?.length, 81);
  metrics.caughtUp();
  const [, after] = await node.get("metrics", "/metrics");
  assert.match(after, /^kubeproxy_sync_proxy_rules_endpoint_changes_pending 0$/m);
});
