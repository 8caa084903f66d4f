/**
 * Upstream: test/e2e/network/loadbalancer.go. No provider is here: the test writes the status that one would, and makes the
 * outside client send what is for that address to a node, as a router or an announcement would.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1Service } from "@kubernetes/client-node";
import type { Wire } from "../conformance/resource.ts";
import { type LabCluster, startCluster } from "../lab/cluster.ts";
import type { ClusterPods, LabPod } from "../lab/cluster-pods.ts";
import { needsNetns } from "../lab/netns.ts";
import { ask, expectHosts, expectReachable, expectUnreachable, kinds } from "./reach.ts";

const skip = needsNetns();
const cluster: LabCluster = skip === false ? await startCluster() : undefined!;
const [node1, node2] = skip === false ? cluster.nodes : [];
const PORT = 80;

async function loadBalancer(ns: ClusterPods, ip: string, spec: object): Promise<Wire<V1Service>> {
  await ns.service("external-local", {
    type: "LoadBalancer",
    selector: { app: "external-local" },
    ports: [{ port: PORT, targetPort: 8080 }],
    ...spec,
  });
  await cluster.routeClient(ip, node1!);
  return ns.services.patch(
    "external-local",
    "merge",
    { status: { loadBalancer: { ingress: [{ ip }] } } },
    { subresource: "status" },
  );
}

function serve(ns: ClusterPods, name: string, node: typeof node1): Promise<LabPod> {
  return ns.netexec({ name, node: node!, labels: { app: "external-local" } });
}

async function sources(from: { name: string; netns: string }, host: string): Promise<string[]> {
  const seen = await ask(from, { host, port: PORT }, 5, { what: "clientip" });
  return Array.from(new Set(kinds(seen).map((said) => said.replace(/:\d+$/, ""))));
}

test(
  "[sig-network] LoadBalancers should only allow access from service loadbalancer source ranges [Slow]",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "loadbalancers");
    const ip = "203.0.113.10";
    const [accept, drop] = await Promise.all([
      ns.pause({ name: "execpod-accept", node: node1! }),
      ns.pause({ name: "execpod-drop", node: node1! }),
    ]);
    await loadBalancer(ns, ip, { loadBalancerSourceRanges: [`${accept.ip}/32`] });
    const server = await serve(ns, "server", node1);
    const target = { host: ip, port: PORT };
    await expectHosts(accept, target, [server.name]);
    await expectUnreachable(drop, target);
    await ns.services.patch("external-local", "merge", {
      spec: { loadBalancerSourceRanges: [`${drop.ip}/32`] },
    });
    await expectUnreachable(accept, target);
    await expectHosts(drop, target, [server.name]);
    await ns.services.patch("external-local", "merge", { spec: { loadBalancerSourceRanges: null } });
    await expectHosts(accept, target, [server.name]);
    await expectHosts(drop, target, [server.name]);
  },
);

test(
  "[sig-network] LoadBalancers ExternalTrafficPolicy: Local [Slow] should work for type=LoadBalancer",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "esipp");
    const ip = "203.0.113.11";
    const service = await loadBalancer(ns, ip, { externalTrafficPolicy: "Local" });
    assert.ok(service.spec!.healthCheckNodePort! > 0);
    await serve(ns, "server", node1);
    await expectReachable(cluster.client, { host: ip, port: PORT });
    assert.deepEqual(await sources(cluster.client, ip), [cluster.client.address4], "the client's address");
  },
);

test(
  "[sig-network] LoadBalancers ExternalTrafficPolicy: Local [Slow] should only target nodes with endpoints",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "esipp");
    const ip = "203.0.113.12";
    const service = await loadBalancer(ns, ip, { externalTrafficPolicy: "Local" });
    const check = (node: typeof node1): { host: string; port: number } => ({
      host: node!.host.address4,
      port: service.spec!.healthCheckNodePort!,
    });
    for (const [with_, without] of [
      [node1, node2],
      [node2, node1],
    ]) {
      const server = await serve(ns, `server-${with_!.name}`, with_);
      await cluster.routeClient(ip, with_!);
      await expectHosts(cluster.client, { host: ip, port: PORT }, [server.name]);
      await untilHealth(check(with_), undefined);
      await untilHealth(check(without), "HTTP 503");
      await ns.delete(server);
    }
  },
);

/** The health check answers so: upstream counts five in a row. */
async function untilHealth(target: { host: string; port: number }, error: string | undefined): Promise<void> {
  const end = performance.now() + 60_000;
  for (;;) {
    const seen = await ask(cluster.client, target, 5, { what: "healthz" });
    if (seen.every((one) => one.error === error)) return;
    assert.ok(performance.now() < end, `${target.host}:${target.port} said ${kinds(seen).join()}`);
  }
}

test(
  "[sig-network] LoadBalancers ExternalTrafficPolicy: Local [Slow] should work from pods",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "esipp");
    const ip = "203.0.113.13";
    await loadBalancer(ns, ip, { externalTrafficPolicy: "Local" });
    await serve(ns, "server", node1);
    for (const node of cluster.nodes) {
      const pause = await ns.pause({ name: `pause-${node.name}`, node });
      await expectReachable(pause, { host: ip, port: PORT });
      assert.deepEqual(await sources(pause, ip), [pause.ip], `a pod of ${node.name}`);
    }
  },
);
