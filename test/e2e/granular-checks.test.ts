/**
 * Upstream: test/e2e/network/networking.go, test/e2e/common/network/networking.go and, for the secondary family, dual_stack.go.
 *
 * Upstream's netserver pods ask each other over /dial; here the requests are made in their network namespaces.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { V1Service } from "@kubernetes/client-node";
import type { Wire } from "../conformance/resource.ts";
import { type LabCluster, type LabNode, startCluster } from "../lab/cluster.ts";
import type { ClusterPods, LabPod } from "../lab/cluster-pods.ts";
import { needsNetns } from "../lab/netns.ts";
import { ask, expectHosts, expectUnreachable, type From, kinds, type Transport } from "./reach.ts";

const HTTP = 8083;
const UDP = 8081;
/** The Service's ports. */
const PORTS = { TCP: 80, UDP: 90 } as const;
const WORDS = { TCP: "http", UDP: "udp" } as const;
const TRANSPORTS = ["TCP", "UDP"] as const;
const FAMILIES = [
  ["Granular Checks: Services", 0, "[sig-network] Networking"],
  ["Granular Checks: Services Secondary IP Family [LinuxOnly]", 1, "[sig-network] [Feature:IPv6DualStack]"],
] as const;

const skip = needsNetns();
const cluster: LabCluster = skip === false ? await startCluster() : undefined!;

/** e2enetwork.NetworkingTestConfig: a server on each node, a Service of them, and who asks. */
interface Netservers {
  readonly ns: ClusterPods;
  readonly servers: readonly LabPod[];
  readonly hosts: readonly string[];
  readonly service: Wire<V1Service>;
  readonly testPod: LabPod;
  readonly hostTestPod: LabPod;
}

interface Wishes {
  readonly hostNetwork?: boolean;
  readonly service?: object;
}

async function netservers(ns: ClusterPods, { hostNetwork, service }: Wishes = {}): Promise<Netservers> {
  const labels = { "selector-test": "yes" };
  const servers = await Promise.all(
    cluster.nodes.map((node, i) =>
      ns.netexec({
        name: `netserver-${i}`,
        node,
        labels,
        httpPorts: [HTTP],
        udpPorts: [UDP],
        ...(hostNetwork === true && { spec: { hostNetwork: true } }),
      }),
    ),
  );
  const [testPod, hostTestPod] = await Promise.all([
    ns.pause({ name: "test-container-pod", node: cluster.nodes[0]! }),
    ns.pause({ name: "host-test-container-pod", node: cluster.nodes[0]!, spec: { hostNetwork: true } }),
  ]);
  const made = await ns.service("node-port-service", {
    type: "NodePort",
    selector: labels,
    ipFamilyPolicy: "RequireDualStack",
    ports: [
      { name: "http", port: PORTS.TCP, protocol: "TCP", targetPort: HTTP },
      { name: "udp", port: PORTS.UDP, protocol: "UDP", targetPort: UDP },
    ],
    ...service,
  });
  return { ns, servers, hosts: servers.map(({ name }) => name), service: made, testPod, hostTestPod };
}

function nodePort(service: Wire<V1Service>, transport: Transport): number {
  return service.spec!.ports!.find(({ protocol }) => protocol === transport)!.nodePort!;
}

function nodeAddress(node: LabNode, family: 0 | 1): string {
  return family === 0 ? node.host.address4 : node.host.address6;
}

/** The Service's cluster IP and its node port at every node are answered by `hosts`. */
async function expectService(
  { service }: Netservers,
  from: From,
  transport: Transport,
  family: 0 | 1,
  hosts: readonly string[],
): Promise<void> {
  const host = service.spec!.clusterIPs![family]!;
  await expectHosts(from, { host, port: PORTS[transport] }, hosts, { transport });
  for (const node of cluster.nodes) {
    const target = { host: nodeAddress(node, family), port: nodePort(service, transport) };
    await expectHosts(from, target, hosts, { transport });
  }
}

let shared: Netservers;
before(async () => {
  if (skip === false) shared = await netservers(await cluster.namespace({ after: () => {} }, "nettest"));
});

for (const transport of TRANSPORTS) {
  const port = transport === "TCP" ? HTTP : UDP;
  const word = WORDS[transport];
  test(
    `[sig-network] Networking Granular Checks: Pods should function for intra-pod communication: ${word} [NodeConformance] [Conformance]`,
    { skip },
    async () => {
      for (const server of shared.servers)
        for (const host of server.ips)
          await expectHosts(shared.testPod, { host, port }, [server.name], { transport });
    },
  );
  test(
    `[sig-network] Networking Granular Checks: Pods should function for node-pod communication: ${word} [LinuxOnly] [NodeConformance] [Conformance]`,
    { skip },
    async () => {
      for (const server of shared.servers)
        for (const host of server.ips)
          await expectHosts(shared.hostTestPod, { host, port }, [server.name], { transport });
    },
  );
}

for (const [suite, family, prefix] of FAMILIES) {
  const name = (what: string): string => `${prefix} ${suite} ${what}`;
  for (const transport of TRANSPORTS) {
    const word = WORDS[transport];
    test(name(`should function for pod-Service: ${word}`), { skip }, () =>
      expectService(shared, shared.testPod, transport, family, shared.hosts),
    );
    test(name(`should function for node-Service: ${word}`), { skip }, () =>
      expectService(shared, shared.hostTestPod, transport, family, shared.hosts),
    );
    test(name(`should function for endpoint-Service: ${word}`), { skip }, async () => {
      for (const server of shared.servers)
        await expectService(shared, server, transport, family, shared.hosts);
    });
    test(name(`should be able to handle large requests: ${word}`), { skip }, async () => {
      const message = "42".repeat(1000);
      const host = shared.service.spec!.clusterIPs![family]!;
      const what = transport === "TCP" ? `echo?msg=${message}` : `echo ${message}`;
      const target = { host, port: PORTS[transport] };
      assert.deepEqual(kinds(await ask(shared.testPod, target, 5, { transport, what })), [message]);
    });
    test(name(`should update endpoints: ${word}`), { skip }, async (t) => {
      const own = await netservers(await cluster.namespace(t, "nettest"));
      await expectService(own, own.testPod, transport, family, own.hosts);
      await own.ns.delete(own.servers[0]!);
      await expectService(own, own.testPod, transport, family, own.hosts.slice(1));
    });
    test(name(`should update nodePort: ${word} [Slow]`), { skip }, async (t) => {
      const own = await netservers(await cluster.namespace(t, "nettest"));
      await expectService(own, own.testPod, transport, family, own.hosts);
      await own.ns.services.delete("node-port-service");
      for (const node of cluster.nodes) {
        const target = { host: nodeAddress(node, family), port: nodePort(own.service, transport) };
        await expectUnreachable(own.testPod, target, { transport });
      }
    });
    test(
      name(`should function for client IP based session affinity: ${word} [LinuxOnly]`),
      { skip },
      async (t) => {
        const own = await netservers(await cluster.namespace(t, "nettest"), {
          service: { sessionAffinity: "ClientIP" },
        });
        const target = { host: own.service.spec!.clusterIPs![family]!, port: PORTS[transport] };
        for (const from of [own.testPod, ...own.servers]) {
          // Until the Service is there.
          await expectOneHost(from, target, transport, own.hosts);
          const seen = kinds(await ask(from, target, 30, { transport }));
          assert.equal(seen.length, 1, `${from.name} heard ${seen.join()}`);
        }
      },
    );
  }
  test(name("should function for service endpoints using hostNetwork"), { skip }, async (t) => {
    const own = await netservers(await cluster.namespace(t, "nettest"), { hostNetwork: true });
    for (const transport of TRANSPORTS) await expectService(own, own.testPod, transport, family, own.hosts);
    await Promise.all(own.servers.map((server) => own.ns.delete(server)));
  });
  test(name("should function for multiple endpoint-Services with same selector"), { skip }, async (t) => {
    const own = await netservers(await cluster.namespace(t, "nettest"));
    const { metadata: _, status: __, ...first } = own.service;
    const { selector, ipFamilyPolicy, ports } = first.spec!;
    const second = await own.ns.service("second-node-port-service", {
      type: "NodePort",
      selector,
      ipFamilyPolicy,
      ports: ports!.map(({ nodePort: _port, ...port }) => port),
    });
    await expectService(own, own.testPod, "TCP", family, own.hosts);
    await expectService({ ...own, service: second }, own.testPod, "TCP", family, own.hosts);
    await own.ns.services.delete("second-node-port-service");
    await expectService(own, own.testPod, "TCP", family, own.hosts);
    await expectUnreachable(own.testPod, { host: second.spec!.clusterIPs![family]!, port: 80 });
  });
}

async function expectOneHost(
  from: From,
  target: { readonly host: string; readonly port: number },
  transport: Transport,
  hosts: readonly string[],
): Promise<void> {
  const end = performance.now() + 60_000;
  for (;;) {
    const [one] = kinds(await ask(from, target, 1, { transport }));
    if (one !== undefined && hosts.includes(one)) return;
    assert.ok(performance.now() < end, `last heard: ${one}`);
  }
}
