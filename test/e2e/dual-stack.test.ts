/**
 * Upstream: test/e2e/network/dual_stack.go, with packets to every cluster IP as well. Its run of the granular checks for
 * the secondary family is in granular-checks.test.ts.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1Endpoints, V1EndpointSlice, V1Node } from "@kubernetes/client-node";
import { ip } from "../../src/base/ip.ts";
import { eventually } from "../lab/eventually.ts";
import { type LabCluster, startCluster } from "../lab/cluster.ts";
import { needsNetns } from "../lab/netns.ts";
import { expectHosts, expectServiceReachable } from "./reach.ts";

const skip = needsNetns();
const cluster: LabCluster = skip === false ? await startCluster() : undefined!;

type Family = "IPv4" | "IPv6";

function familyOf(address: string): Family {
  return ip(address.split("/")[0]!).family === 4 ? "IPv4" : "IPv6";
}

test(
  "[sig-network] [Feature:IPv6DualStack] should have ipv4 and ipv6 internal node ip",
  { skip },
  async () => {
    const { items } = await cluster.api.core<V1Node>("nodes").list();
    assert.equal(items.length, cluster.nodes.length);
    for (const { metadata, status } of items) {
      const internal = status!.addresses!.filter(({ type }) => type === "InternalIP");
      assert.deepEqual(
        internal.map(({ address }) => familyOf(address)),
        ["IPv4", "IPv6"],
        metadata!.name,
      );
    }
  },
);

test("[sig-network] [Feature:IPv6DualStack] should have ipv4 and ipv6 node podCIDRs", { skip }, async () => {
  const { items } = await cluster.api.core<V1Node>("nodes").list();
  for (const { spec } of items) {
    assert.deepEqual(spec!.podCIDRs!.map(familyOf), ["IPv4", "IPv6"]);
    assert.equal(spec!.podCIDR, spec!.podCIDRs![0]);
  }
});

test(
  "[sig-network] [Feature:IPv6DualStack] should create pod, add ipv6 and ipv4 ip to pod ips",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "dualstack");
    for (const node of cluster.nodes) {
      const { name } = await ns.pause({ name: `pod-dualstack-ips-${node.name}`, node });
      const { podIP, podIPs } = (await ns.pods.get(name)).status!;
      assert.equal(podIP, podIPs![0]!.ip);
      assert.deepEqual(
        podIPs!.map(({ ip: address }) => familyOf(address)),
        ["IPv4", "IPv6"],
      );
    }
  },
);

test(
  "[sig-network] [Feature:IPv6DualStack] should be able to reach pod on ipv4 and ipv6 ip",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "dualstack");
    const count = cluster.nodes.length;
    const servers = await ns.replicas({ name: "dualstack-server", httpPorts: [80] }, count);
    const clients = await Promise.all(
      cluster.nodes.map((node) => ns.pause({ name: `dualstack-client-${node.name}`, node })),
    );
    for (const client of clients)
      for (const server of servers)
        for (const host of server.ips) await expectHosts(client, { host, port: 80 }, [server.name]);
  },
);

for (const [title, name, ipFamilyPolicy, ipFamilies, families] of [
  [
    "a single stack service with cluster ip from primary service range",
    "defaultclusterip",
    undefined,
    undefined,
    ["IPv4"],
  ],
  ["service with ipv4 cluster ip", "ipv4clusterip", undefined, ["IPv4"], ["IPv4"]],
  ["service with ipv6 cluster ip", "ipv6clusterip", undefined, ["IPv6"], ["IPv6"]],
  [
    "service with ipv4,v6 cluster ip",
    "ipv4ipv6clusterip",
    "RequireDualStack",
    ["IPv4", "IPv6"],
    ["IPv4", "IPv6"],
  ],
  [
    "service with ipv6,v4 cluster ip",
    "ipv6ipv4clusterip",
    "RequireDualStack",
    ["IPv6", "IPv4"],
    ["IPv6", "IPv4"],
  ],
] as const)
  test(`[sig-network] [Feature:IPv6DualStack] should create ${title}`, { skip }, async (t) => {
    const ns = await cluster.namespace(t, "dualstack");
    const labels = { testid: `${name}-test` };
    const pods = await ns.replicas({ name, labels, httpPorts: [53], udpPorts: [53] }, 2);
    const service = await ns.service(name, {
      type: "NodePort",
      selector: labels,
      ...(ipFamilyPolicy !== undefined && { ipFamilyPolicy }),
      ...(ipFamilies !== undefined && { ipFamilies }),
      ports: [
        { name: "tcp-port", port: 53, protocol: "TCP" },
        { name: "udp-port", port: 53, protocol: "UDP" },
      ],
    });
    const { spec } = service;
    assert.equal(spec!.ports!.length, 2);
    // validateServiceAndClusterIPFamily
    assert.deepEqual(spec!.ipFamilies, families);
    assert.deepEqual(spec!.clusterIPs!.map(familyOf), families);
    assert.equal(spec!.clusterIP, spec!.clusterIPs![0]);
    assert.equal(spec!.ipFamilyPolicy, ipFamilyPolicy ?? "SingleStack");

    const addresses = (family: Family): string[] =>
      pods.map(({ ips }) => ips.find((address) => familyOf(address) === family)!).sort();
    // validateEndpointsBelongToIPFamily: Endpoints have the primary family's addresses. Upstream allows ten seconds.
    await eventually("Endpoints of the primary family", 10_000, async () => {
      const { subsets = [] } = (await ns.api.core<V1Endpoints>("endpoints", ns.namespace).find(name)) ?? {};
      const found = subsets.flatMap((subset) => (subset.addresses ?? []).map((address) => address.ip)).sort();
      return found.join() === addresses(families[0]).join() ? true : undefined;
    });
    const slices = ns.api.of<V1EndpointSlice>("discovery.k8s.io/v1", "endpointslices", ns.namespace);
    await eventually("slices of each family", 10_000, async () => {
      const { items } = await slices.list({ labelSelector: `kubernetes.io/service-name=${name}` });
      const found = new Map(
        items.map((slice) => [
          slice.addressType as Family,
          (slice.endpoints ?? []).flatMap((one) => one.addresses).sort(),
        ]),
      );
      const right = families.every((family) => found.get(family)?.join() === addresses(family).join());
      return right && found.size === families.length ? true : undefined;
    });

    const hosts = pods.map((pod) => pod.name);
    for (const node of cluster.nodes) {
      const client = await ns.pause({ name: `client-${node.name}`, node });
      await expectServiceReachable(service, cluster.nodes, client, hosts);
    }
  });
