/** Upstream: test/e2e/network/service.go, what a cluster IP does. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import type { V1Endpoints, V1EndpointSlice } from "@kubernetes/client-node";
import { eventually } from "../lab/eventually.ts";
import { type LabCluster, startCluster } from "../lab/cluster.ts";
import type { ClusterPods, LabPod } from "../lab/cluster-pods.ts";
import { needsNetns } from "../lab/netns.ts";
import {
  ask,
  ENDPOINT_LAG,
  expectHosts,
  expectReachable,
  expectRefused,
  expectServiceReachable,
  expectUnreachable,
  kinds,
} from "./reach.ts";

/** ServiceEndpointsTimeout of upstream's jig. */
const ENDPOINTS_TIMEOUT = 2 * 60_000;

const skip = needsNetns();
const cluster: LabCluster = skip === false ? await startCluster() : undefined!;

/** validateEndpointsPortsOrFail: Endpoints and slices have exactly these pods, each with these ports. */
async function expectEndpoints(
  ns: ClusterPods,
  service: string,
  expected: ReadonlyMap<LabPod, readonly number[]>,
): Promise<void> {
  const wanted = JSON.stringify(
    Array.from(expected, ([{ ip }, ports]) => `${ip} ${ports.toSorted((a, b) => a - b).join()}`).sort(),
  );
  await eventually(`Endpoints and slices of ${service} have ${wanted}`, ENDPOINTS_TIMEOUT, async () => {
    const { subsets = [] } = (await ns.api.core<V1Endpoints>("endpoints", ns.namespace).find(service)) ?? {};
    const slices = await ns.api
      .of<V1EndpointSlice>("discovery.k8s.io/v1", "endpointslices", ns.namespace)
      .list({ labelSelector: `kubernetes.io/service-name=${service}` });
    const endpoints = portsByAddress(
      subsets.map(({ addresses = [], ports = [] }) => ({ addresses: addresses.map(({ ip }) => ip), ports })),
    );
    const sliced = portsByAddress(
      slices.items.map(({ endpoints, ports = [] }) => ({
        addresses: (endpoints ?? []).map(({ addresses }) => addresses[0]!),
        ports,
      })),
    );
    return endpoints === wanted && sliced === wanted ? true : undefined;
  });
}

function portsByAddress(
  groups: readonly { readonly addresses: string[]; readonly ports: readonly { port?: number }[] }[],
): string {
  const all = new Map<string, number[]>();
  for (const { addresses, ports } of groups)
    for (const address of addresses) {
      const numbers = [...(all.get(address) ?? []), ...ports.map(({ port }) => port!)];
      all.set(
        address,
        numbers.sort((a, b) => a - b),
      );
    }
  return JSON.stringify(Array.from(all, ([address, ports]) => `${address} ${ports.join()}`).sort());
}

test("[sig-network] Services should serve a basic endpoint from pods [Conformance]", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "services");
  const name = "endpoint-test2";
  const labels = { app: name };
  const service = await ns.service(name, { selector: labels, ports: [{ port: 80, targetPort: 80 }] });
  await expectEndpoints(ns, name, new Map());
  const client = await ns.pause({ name: "execpod" });
  const serve = (pod: string): Promise<LabPod> =>
    ns.netexec({ name: pod, labels, httpPorts: [80], container: { ports: [{ containerPort: 80 }] } });
  const reach = (...hosts: string[]): Promise<void> =>
    expectServiceReachable(service, cluster.nodes, client, hosts);

  const pod1 = await serve("pod1");
  await expectEndpoints(ns, name, new Map([[pod1, [80]]]));
  await reach("pod1");
  const pod2 = await serve("pod2");
  await expectEndpoints(ns, name, new Map([[pod1, [80]], [pod2, [80]]])); // prettier-ignore
  await reach("pod1", "pod2");
  await ns.pods.delete("pod1");
  await expectEndpoints(ns, name, new Map([[pod2, [80]]]));
  await reach("pod2");
  await ns.pods.delete("pod2");
  await expectEndpoints(ns, name, new Map());
  await expectRefused(client, { host: service.spec!.clusterIP!, port: 80 });
});

test(
  "[sig-network] Services should serve multiport endpoints from pods [Conformance]",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "services");
    const name = "multi-endpoint-test";
    const labels = { app: name };
    const service = await ns.service(name, {
      selector: labels,
      ports: [
        { name: "portname1", port: 80, targetPort: "svc1" },
        { name: "portname2", port: 81, targetPort: "svc2" },
      ],
    });
    await expectEndpoints(ns, name, new Map());
    const client = await ns.pause({ name: "execpod" });
    const serve = (pod: string, port: string, containerPort: number): Promise<LabPod> =>
      ns.netexec({
        name: pod,
        labels,
        httpPorts: [containerPort],
        container: { ports: [{ name: port, containerPort }] },
      });
    const host = service.spec!.clusterIP!;
    const pod1 = await serve("pod1", "svc1", 100);
    await expectEndpoints(ns, name, new Map([[pod1, [100]]]));
    const pod2 = await serve("pod2", "svc2", 101);
    await expectEndpoints(ns, name, new Map([[pod1, [100]], [pod2, [101]]])); // prettier-ignore
    await expectHosts(client, { host, port: 80 }, ["pod1"]);
    await expectHosts(client, { host, port: 81 }, ["pod2"]);
    await ns.delete(pod1);
    await expectEndpoints(ns, name, new Map([[pod2, [101]]]));
    await expectRefused(client, { host, port: 80 });
    await ns.delete(pod2);
    await expectEndpoints(ns, name, new Map());
  },
);

test("[sig-network] Services should be updated after adding or deleting ports", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "services");
  const name = "edit-port-test";
  const labels = { app: name };
  let service = await ns.service(name, {
    selector: labels,
    ports: [{ name: "portname1", port: 80, targetPort: 80 }],
  });
  const client = await ns.pause({ name: "execpod" });
  const pod1 = await ns.netexec({ name: "pod1", labels, httpPorts: [80, 8080] });
  const host = service.spec!.clusterIP!;
  await expectEndpoints(ns, name, new Map([[pod1, [80]]]));
  await expectServiceReachable(service, cluster.nodes, client, ["pod1"]);

  service = await ns.services.change(name, ({ spec }) => {
    spec!.ports!.push({ name: "portname2", port: 81, targetPort: 8080 });
  });
  await expectEndpoints(ns, name, new Map([[pod1, [80, 8080]]]));
  await expectServiceReachable(service, cluster.nodes, client, ["pod1"]);

  service = await ns.services.change(name, ({ spec }) => {
    spec!.ports = [{ name: "portname3", port: 82, targetPort: 8080 }];
  });
  await expectEndpoints(ns, name, new Map([[pod1, [8080]]]));
  await expectServiceReachable(service, cluster.nodes, client, ["pod1"]);
  for (const port of [80, 81]) await expectRefused(client, { host, port });
});

test(
  "[sig-network] Services should serve endpoints on same port and different protocols [Conformance]",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "services");
    const name = "multiprotocol-test";
    const labels = { app: name };
    const TCP = { name: "tcp-port", protocol: "TCP", port: 80, targetPort: 80 };
    const UDP = { name: "udp-port", protocol: "UDP", port: 80, targetPort: 80 };
    const service = await ns.service(name, { selector: labels, ports: [TCP, UDP] });
    const pod = await ns.netexec({
      name: "pod1",
      labels,
      httpPorts: [80],
      udpPorts: [80],
      node: cluster.nodes[0]!,
    });
    const client = await ns.pause({ name: "execpod", node: cluster.nodes[1]! });
    const target = { host: service.spec!.clusterIP!, port: 80 };
    await expectServiceReachable(service, cluster.nodes, client, [pod.name]);

    await ns.services.change(name, ({ spec }) => void (spec!.ports = [TCP]));
    await expectHosts(client, target, [pod.name]);
    await expectUnreachable(client, target, { transport: "UDP", limit: ENDPOINT_LAG });

    await ns.services.change(name, ({ spec }) => void (spec!.ports = [UDP]));
    await expectHosts(client, target, [pod.name], { transport: "UDP" });
    await expectUnreachable(client, target, { transport: "TCP", limit: ENDPOINT_LAG });
  },
);

test(
  "[sig-network] Services should preserve source pod IP for traffic thru service cluster IP [LinuxOnly]",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "services");
    const labels = { app: "sourceip-test" };
    const [node1, node2] = cluster.nodes;
    const service = await ns.service("sourceip-test", {
      selector: labels,
      ipFamilyPolicy: "RequireDualStack",
      ports: [{ port: 8080, targetPort: 8080 }],
    });
    await ns.netexec({ name: "echo-sourceip", labels, node: node1! });
    for (const node of [node1!, node2!]) {
      const pause = await ns.pause({ name: `pause-${node.name}`, node });
      for (const [i, host] of service.spec!.clusterIPs!.entries()) {
        const target = { host, port: 8080 };
        await expectReachable(pause, target);
        const sources = (await ask(pause, target, 5, { what: "clientip" })).map(({ said }) =>
          said?.replace(/:\d+$/, ""),
        );
        const source = i === 0 ? pause.ips[i]! : `[${pause.ips[i]!}]`;
        assert.deepEqual(new Set(sources), new Set([source]), `from ${node.name}`);
      }
    }
  },
);

/** A network plugin with an address management of its own: what Nodes have in spec.podCIDRs is not where their pods are. */
test(
  "sources are kept through cluster IPs also of pods with addresses that are not in their node's podCIDRs",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "services");
    const labels = { app: "sourceip-elsewhere" };
    const [node1, node2] = cluster.nodes;
    const service = await ns.service("sourceip-elsewhere", {
      type: "NodePort",
      selector: labels,
      ports: [{ port: 80, targetPort: 8080 }],
    });
    const [server, pod] = await Promise.all([
      ns.netexec({ name: "echo-sourceip", labels, node: node1! }),
      ns.pause({ name: "elsewhere", node: node2! }),
    ]);
    const elsewhere = "10.244.77.5";
    const ip = (netns: string, command: string): string =>
      execFileSync("ip", ["-n", netns, ...command.split(" ")], { encoding: "utf8" }).trim();
    ip(pod.netns, `addr add ${elsewhere}/32 dev lo`);
    ip(pod.netns, `route replace ${ip(pod.netns, "route show default")} src ${elsewhere}`);
    ip(
      node2!.netns,
      `route add ${elsewhere} via ${pod.ip} dev ${deviceTo(ip(node2!.netns, `route get ${pod.ip}`))} onlink`,
    );
    ip(node1!.netns, `route add ${elsewhere} via ${node2!.host.address4}`);
    const seen = async (host: string, port: number): Promise<string[]> => {
      await expectHosts(pod, { host, port }, [server.name]);
      const said = kinds(await ask(pod, { host, port }, 5, { what: "clientip" }));
      return [...new Set(said.map((one) => one.replace(/:\d+$/, "")))];
    };
    assert.deepEqual(await seen(service.spec!.clusterIP!, 80), [elsewhere]);
    // A node port may be another node's, whose answer would come by the short way: it is masqueraded.
    const { nodePort } = service.spec!.ports![0]!;
    assert.deepEqual(await seen(node2!.host.address4, nodePort!), [node2!.host.address4]);
  },
);

function deviceTo(route: string): string {
  return / dev (\S+)/.exec(route)![1]!;
}

test(
  "[sig-network] Services should allow pods to hairpin back to themselves through services",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "services");
    const labels = { app: "hairpin-test" };
    const service = await ns.service("hairpin-test", {
      selector: labels,
      ipFamilyPolicy: "RequireDualStack",
      ports: [
        { name: "http", port: 8080, targetPort: 8080 },
        { name: "udp", port: 8080, protocol: "UDP", targetPort: 8081 },
      ],
    });
    const pod = await ns.netexec({ name: "hairpin", labels });
    await expectServiceReachable(service, cluster.nodes, pod, [pod.name]);
  },
);

test("[sig-network] Services should be able to up and down services", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "services");
  const client = await ns.pause({ name: "execpod" });
  const froms = [cluster.nodes[0]!, cluster.nodes[1]!, client];
  const up = async (name: string): Promise<{ host: string; pods: LabPod[]; verify: () => Promise<void> }> => {
    const { spec } = await ns.service(name, { selector: { name }, ports: [{ port: 80, targetPort: 8080 }] });
    const pods = await ns.replicas({ name, labels: { name } }, 3);
    const host = spec!.clusterIP!;
    const hosts = pods.map((pod) => pod.name);
    const verify = async (): Promise<void> => {
      await Promise.all(froms.map((from) => expectHosts(from, { host, port: 80 }, hosts)));
    };
    return { host, pods, verify };
  };
  const one = await up("up-down-1");
  const two = await up("up-down-2");
  assert.notEqual(one.host, two.host);
  await one.verify();
  await two.verify();
  await ns.delete(...one.pods);
  for (const from of froms) await expectUnreachable(from, { host: one.host, port: 80 });
  await two.verify();
  const three = await up("up-down-3");
  assert.equal(new Set([one.host, two.host, three.host]).size, 3);
  await two.verify();
  await three.verify();
});

test("[sig-network] Services should work after the service has been recreated", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "services");
  const labels = { app: "recreated" };
  const spec = { selector: labels, ports: [{ port: 80, targetPort: 8080 }] };
  const service = await ns.service("service-deletion", spec);
  const pods = await ns.replicas({ name: "service-deletion", labels }, 2);
  const client = await ns.pause({ name: "execpod" });
  const hosts = pods.map(({ name }) => name);
  await expectServiceReachable(service, cluster.nodes, client, hosts);
  await ns.services.delete("service-deletion");
  await expectUnreachable(client, { host: service.spec!.clusterIP!, port: 80 });
  const again = await ns.service("service-deletion", spec);
  await expectServiceReachable(again, cluster.nodes, client, hosts);
});

test("[sig-network] Services should be rejected when no endpoints exist", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "services");
  const service = await ns.service("no-pods", {
    selector: { nobody: "has-this" },
    ipFamilyPolicy: "RequireDualStack",
    ports: [
      { name: "http", port: 80, targetPort: 80 },
      { name: "udp", port: 80, targetPort: 80, protocol: "UDP" },
    ],
  });
  const client = await ns.pause({ name: "execpod-noendpoints" });
  for (const from of [client, ...cluster.nodes])
    for (const host of service.spec!.clusterIPs!)
      for (const transport of ["TCP", "UDP"] as const)
        await expectRefused(from, { host, port: 80 }, { transport, limit: 30_000 });
});

/** Upstream lets the kubelet evict a pod that takes too much storage; here the pod fails by itself. */
test(
  "[sig-network] Services should be rejected for evicted pods (no endpoints exist)",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "services");
    const labels = { app: "evicted" };
    const service = await ns.service("evicted-pods", {
      selector: labels,
      publishNotReadyAddresses: true,
      ports: [{ name: "http", port: 80, targetPort: 8080 }],
    });
    const pod = await ns.netexec({ name: "evicted", labels, spec: { restartPolicy: "Never" } });
    const client = await ns.pause({ name: "execpod-evictedpods" });
    const target = { host: service.spec!.clusterIP!, port: 80 };
    await expectHosts(client, target, [pod.name]);
    await ask(client, { host: pod.ip, port: 8080 }, 1, { what: "exit?code=3" });
    await eventually("the pod has failed", 60_000, async () =>
      (await ns.pods.get(pod.name)).status?.phase === "Failed" ? true : undefined,
    );
    await expectRefused(client, target, { limit: 30_000 });
  },
);

for (const [label, what] of [
  ["service.kubernetes.io/service-proxy-name", "foo-bar"],
  ["service.kubernetes.io/headless", ""],
] as const)
  test(`[sig-network] Services should implement ${label}`, { skip }, async (t) => {
    const ns = await cluster.namespace(t, "services");
    const client = await ns.pause({ name: "execpod" });
    const froms = [cluster.nodes[0]!, client];
    const up = async (name: string, labels: object): Promise<{ host: string; hosts: string[] }> => {
      const pods = await ns.replicas({ name, labels: { name } }, 2);
      const { spec } = await ns.service(
        name,
        { selector: { name }, ports: [{ port: 80, targetPort: 8080 }] },
        { labels },
      );
      return { host: spec!.clusterIP!, hosts: pods.map((pod) => pod.name) };
    };
    const disabled = await up("service-disabled", { [label]: what });
    const toggled = await up("service-toggled", {});
    const verifyUp = async (): Promise<void> => {
      for (const from of froms) await expectHosts(from, { host: toggled.host, port: 80 }, toggled.hosts);
    };
    const verifyDown = async (host: string): Promise<void> => {
      for (const from of froms) {
        await expectUnreachable(from, { host, port: 80 });
        assert.ok(!kinds(await ask(from, { host, port: 80 }, 5)).some((said) => said.includes("service-")));
      }
    };
    await verifyUp();
    await verifyDown(disabled.host);
    await ns.services.patch("service-toggled", "merge", { metadata: { labels: { [label]: what } } });
    await verifyDown(toggled.host);
    await ns.services.patch("service-toggled", "merge", { metadata: { labels: { [label]: null } } });
    await verifyUp();
    await verifyDown(disabled.host);
  });

test(
  "[sig-network] Services should be possible to connect to a service via ExternalIP when the external IP is not assigned to a node",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "services");
    const labels = { app: "external-ip" };
    const service = await ns.service("externalip-test", {
      selector: labels,
      externalIPs: ["203.0.113.250"],
      ports: [{ port: 80, targetPort: 9376 }],
    });
    const pods = await ns.replicas({ name: "externalip-test", labels, httpPorts: [9376] }, 2);
    const client = await ns.pause({ name: "execpod" });
    await expectServiceReachable(
      service,
      cluster.nodes,
      client,
      pods.map(({ name }) => name),
    );
  },
);
