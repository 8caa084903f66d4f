/** Upstream: test/e2e/network/service.go, tests marked [Disruptive], and repair of rules (networking.go). */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import type { V1Service } from "@kubernetes/client-node";
import type { Wire } from "../conformance/resource.ts";
import { type LabCluster, startCluster } from "../lab/cluster.ts";
import type { ClusterPods } from "../lab/cluster-pods.ts";
import { needsNetns } from "../lab/netns.ts";
import { expectHosts, expectServiceReachable, type From } from "./reach.ts";

const skip = needsNetns();
const cluster: LabCluster = skip === false ? await startCluster() : undefined!;

interface Served {
  readonly service: Wire<V1Service>;
  readonly hosts: readonly string[];
}

async function serve(ns: ClusterPods, name: string): Promise<Served> {
  const service = await ns.service(name, {
    type: "NodePort",
    selector: { name },
    ports: [{ port: 80, targetPort: 8080 }],
  });
  const pods = await ns.replicas({ name, labels: { name } }, 3);
  return { service, hosts: pods.map((pod) => pod.name) };
}

async function verify({ service, hosts }: Served, ...froms: readonly From[]): Promise<void> {
  for (const from of froms) await expectServiceReachable(service, cluster.nodes, from, hosts);
}

for (const signal of ["SIGTERM", "SIGKILL"] as const)
  test(
    `[sig-network] Services should work after restarting kube-proxy [Disruptive] (the agents, by ${signal})`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "services");
      const client = await ns.pause({ name: "execpod" });
      const one = await serve(ns, "restart-proxy-1");
      const two = await serve(ns, "restart-proxy-2");
      assert.notEqual(one.service.spec!.clusterIP, two.service.spec!.clusterIP);
      await verify(one, client, cluster.nodes[0]!);
      await verify(two, client, cluster.nodes[0]!);
      await Promise.all(cluster.nodes.map((node) => node.stop(signal)));
      // Traffic does not need them.
      await verify(one, client, cluster.nodes[0]!);
      await Promise.all(cluster.nodes.map((node) => node.start()));
      await verify(one, client, cluster.nodes[0]!);
      await verify(two, client, cluster.nodes[0]!);
      const three = await serve(ns, "restart-proxy-3");
      await verify(three, client);
    },
  );

test("[sig-network] Services should work after restarting apiserver [Disruptive]", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "services");
  const client = await ns.pause({ name: "execpod" });
  const one = await serve(ns, "restart-apiserver-1");
  await verify(one, client, cluster.nodes[0]!);
  await cluster.restartApi();
  await verify(one, client, cluster.nodes[0]!);
  const two = await serve(ns, "restart-apiserver-2");
  assert.notEqual(one.service.spec!.clusterIP, two.service.spec!.clusterIP);
  await verify(one, client, cluster.nodes[0]!);
  await verify(two, client, cluster.nodes[0]!);
});

test(
  "[sig-network] Networking should recreate its iptables rules if they are deleted [Disruptive] (nftables)",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "networking");
    const client = await ns.pause({ name: "execpod", node: cluster.nodes[0]! });
    const one = await serve(ns, "iptables-flush-test");
    await verify(one, client);
    execFileSync("ip", ["netns", "exec", cluster.nodes[0]!.netns, "nft", "flush", "ruleset"]);
    const target = { host: one.service.spec!.clusterIP!, port: 80 };
    await expectHosts(client, target, one.hosts, { limit: 10_000 });
    await verify(one, client);
  },
);
