/**
 * Upstream: test/e2e/network/conntrack.go. A client that keeps its UDP source port is pinned by the kernel to the endpoint
 * of its first datagram; it must get another one when that is gone.
 *
 * Upstream's client logs for minutes and is read afterwards; ours asks again and again, and stops when it has seen enough.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { type LabCluster, startCluster } from "../lab/cluster.ts";
import type { LabPod } from "../lab/cluster-pods.ts";
import { needsNetns } from "../lab/netns.ts";
import { type Target, UdpClient } from "../lab/requests.ts";

const SOURCE_PORT = 12_345;
/** Between datagrams of one client, in milliseconds; upstream's sends one each second. */
const INTERVAL = 10;

const skip = needsNetns();
const cluster: LabCluster = skip === false ? await startCluster() : undefined!;

/** Asks from one source port until `host` answers; how many milliseconds that took. */
async function untilFrom(client: UdpClient, host: string): Promise<number> {
  const begun = performance.now();
  for (;;) {
    // The time-out is short: a datagram that went nowhere is not waited for.
    const { said } = await client.ask("hostname", 100);
    if (said === host) return performance.now() - begun;
    assert.ok(performance.now() - begun < 3 * 60_000, `${host} never answered`);
    await setTimeout(INTERVAL);
  }
}

interface Case {
  readonly title: string;
  readonly spec?: object;
  readonly nodePort?: boolean;
  /** Client and servers on one node. */
  readonly sameNode?: boolean;
  readonly hostNetwork?: boolean;
}

const CASES: readonly Case[] = [
  { title: "for a NodePort service", spec: { type: "NodePort" }, nodePort: true },
  { title: "for a ClusterIP service" },
  {
    title: "for a ClusterIP service with InternalTrafficPolicy set to Local",
    spec: { internalTrafficPolicy: "Local" },
    sameNode: true,
  },
  { title: "for a ClusterIP service and client is hostNetwork", hostNetwork: true },
];

for (const { title, spec, nodePort, sameNode, hostNetwork } of CASES)
  test(
    `[sig-network] Conntrack should be able to preserve UDP traffic when server pod cycles ${title}`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "conntrack");
      const [clientNode, otherNode] = cluster.nodes;
      const serverNode = sameNode === true ? clientNode! : otherNode!;
      const labels = { "test-server": "conntrack" };
      const { spec: made } = await ns.service("svc-udp", {
        selector: labels,
        ports: [{ name: "udp", protocol: "UDP", port: 80, targetPort: 8081 }],
        ...spec,
      });
      const client = await ns.pause({
        name: "pod-client",
        node: clientNode!,
        ...(hostNetwork === true && { spec: { hostNetwork: true } }),
      });
      const target: Target =
        nodePort === true
          ? { host: clientNode!.host.address4, port: made!.ports![0]!.nodePort! }
          : { host: made!.clusterIP!, port: 80 };
      using udp = new UdpClient(client.netns, target, SOURCE_PORT);
      const serve = (name: string): Promise<LabPod> =>
        ns.netexec({ name, labels, node: serverNode, httpPorts: [8080] });

      const server1 = await serve("pod-server-1");
      await untilFrom(udp, server1.name);
      const server2 = await serve("pod-server-2");
      const { said } = await udp.ask();
      assert.equal(said, server1.name, "the flow stays where it is while its endpoint is there");
      await ns.pods.delete(server1.name, { gracePeriodSeconds: 0 });
      const took = await untilFrom(udp, server2.name);
      t.diagnostic(`moved ${took.toFixed(0)} ms after the deletion was answered`);
    },
  );

test(
  "[sig-network] Conntrack should be able to preserve UDP traffic when initial unready endpoints get ready",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "conntrack");
    const labels = { "test-server": "conntrack" };
    const { spec } = await ns.service("svc-udp", {
      type: "NodePort",
      selector: labels,
      ports: [{ name: "udp", protocol: "UDP", port: 80, targetPort: 8081 }],
    });
    const client = await ns.pause({ name: "pod-client", node: cluster.nodes[0]! });
    const target = { host: cluster.nodes[0]!.host.address4, port: spec!.ports![0]!.nodePort! };
    using udp = new UdpClient(client.netns, target, SOURCE_PORT);
    // The client is there before anybody can answer.
    assert.notEqual((await udp.ask("hostname", 200)).error, undefined);
    const server = await ns.createNetexec({
      name: "pod-server-1",
      labels,
      node: cluster.nodes[1]!,
      container: { readinessProbe: { httpGet: { path: "/healthz", port: 8080 }, initialDelaySeconds: 1 } },
    });
    await ns.running("pod-server-1", false);
    assert.notEqual((await udp.ask("hostname", 200)).error, undefined);
    await untilFrom(udp, server.metadata!.name!);
  },
);
