/**
 * Upstream: test/e2e/network/{no_snat,service_cidrs,topology_hints,localhost_nodeports,networking,service}.go and
 * test/e2e/common/node/pods.go: rows that need no cluster of their own. Each node is in a zone.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { promisify } from "node:util";
import type { V1EndpointSlice, V1Service, V1ServiceCIDR } from "@kubernetes/client-node";
import { eventually } from "../lab/eventually.ts";
import type { Wire } from "../conformance/resource.ts";
import { type LabCluster, startCluster } from "../lab/cluster.ts";
import type { ClusterPods, LabPod } from "../lab/cluster-pods.ts";
import { needsNetns } from "../lab/netns.ts";
import { httpGet } from "../lab/requests.ts";
import { ask, expectHosts, expectServiceReachable, kinds } from "./reach.ts";

const skip = needsNetns();
const ZONES = ["zone-a", "zone-b"];
const cluster: LabCluster = skip === false ? await startCluster({ zones: ZONES }) : undefined!;

test("[sig-network] NoSNAT Should be able to send traffic between Pods without SNAT", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "no-snat-test");
  const pods = await ns.replicas({ name: "no-snat-test", httpPorts: [8085] }, 2 * cluster.nodes.length);
  const addresses = (pod: LabPod): string[] => pod.ips.map((ip) => (ip.includes(":") ? `[${ip}]` : ip));
  for (const source of pods)
    for (const target of pods.filter((pod) => pod !== source))
      for (const [i, host] of target.ips.entries()) {
        const seen = await ask(source, { host, port: 8085 }, 1, { what: "clientip" });
        const [address] = kinds(seen).map((said) => said.replace(/:\d+$/, ""));
        assert.equal(address, addresses(source)[i], `${source.name} to ${target.name}`);
      }
});

for (const [range, first] of [
  ["203.0.113.0/24", "203.0.113.10"],
  ["2001:db8:cb00::/64", "2001:db8:cb00::a"],
] as const)
  test(
    `[sig-network] Service CIDRs should create Services and serve on different Service CIDRs (${range})`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "servicecidrs");
      const serviceCidrs = ns.api.of<V1ServiceCIDR>("networking.k8s.io/v1", "servicecidrs");
      const { metadata } = await serviceCidrs.create({
        metadata: { generateName: "test-svc-cidr-" },
        spec: { cidrs: [range] },
      });
      t.after(() => serviceCidrs.delete(metadata!.name!));
      // e2eservice.RespondingTimeout
      await eventually("the ServiceCIDR is ready", 60_000, async () => {
        const { conditions = [] } = (await serviceCidrs.get(metadata!.name!)).status ?? {};
        return conditions.some(({ type, status }) => type === "Ready" && status === "True")
          ? true
          : undefined;
      });
      const labels = { testid: "cidr1-test" };
      const service = await ns.service("cidr1-test", {
        type: "NodePort",
        clusterIP: first,
        selector: labels,
        ports: [{ name: "http", port: 80, targetPort: 9376 }],
      });
      assert.equal(service.spec!.clusterIP, first);
      const pods = await ns.replicas({ name: "cidr1-test", labels, httpPorts: [9376] }, 2);
      for (const node of cluster.nodes)
        await expectServiceReachable(
          service,
          cluster.nodes,
          await ns.pause({ name: `execpod-${node.name}`, node }),
          pods.map(({ name }) => name),
        );
    },
  );

test(
  "[sig-node] Pods should contain environment variables for services [NodeConformance] [Conformance]",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "pods");
    const labels = { name: "server-envvars" };
    await ns.netexec({ name: "server-envvars", labels, httpPorts: [9376] });
    const { spec } = await ns.service("fooservice", {
      selector: labels,
      ports: [{ port: 8765, targetPort: 8080 }],
    });
    const { host } = { host: spec!.clusterIP! };
    for (const node of cluster.nodes) {
      // The agents learn of the Service by their watches, as a kubelet does: upstream tries until it is so.
      await eventually(`a pod on ${node.name} has the variables`, 5 * 60_000, async () => {
        const pod = await ns.pause({ name: `client-envvars-${node.name}-${performance.now() | 0}`, node });
        const text = await ns.exec(pod, "cat", `/proc/${pod.pid}/environ`);
        const seen = new Set(text.split("\0"));
        const wanted = [
          `FOOSERVICE_SERVICE_HOST=${host}`,
          "FOOSERVICE_SERVICE_PORT=8765",
          `FOOSERVICE_PORT=tcp://${host}:8765`,
          "FOOSERVICE_PORT_8765_TCP_PORT=8765",
          "FOOSERVICE_PORT_8765_TCP_PROTO=tcp",
          `FOOSERVICE_PORT_8765_TCP=tcp://${host}:8765`,
          `FOOSERVICE_PORT_8765_TCP_ADDR=${host}`,
        ];
        return wanted.every((line) => seen.has(line)) ? true : undefined;
      });
    }
  },
);

test("[sig-network] Topology Hints should distribute endpoints evenly", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "topology-hints");
  const labels = { client: "serve-hostname" };
  // Three of each zone are enough for a share without overload; upstream has one for each node of a larger cluster.
  const pods = await ns.replicas({ name: "topology-serve-hostname", labels, httpPorts: [9376] }, 6);
  const { spec } = await ns.service(
    "topology-hints",
    {
      selector: labels,
      publishNotReadyAddresses: true,
      ports: [{ name: "example", port: 80, targetPort: 9376, protocol: "TCP" }],
    },
    { annotations: { "service.kubernetes.io/topology-mode": "Auto" } },
  );
  const slices = ns.api.of<V1EndpointSlice>("discovery.k8s.io/v1", "endpointslices", ns.namespace);
  const endpoints = await eventually("all endpoints are in slices", 3 * 60_000, async () => {
    const { items } = await slices.list({ labelSelector: "kubernetes.io/service-name=topology-hints" });
    const all = items.flatMap((slice) => slice.endpoints ?? []);
    return all.length === pods.length && all.every(({ hints }) => hints !== undefined) ? all : undefined;
  });
  for (const { zone, hints } of endpoints)
    assert.deepEqual(
      hints!.forZones!.map(({ name }) => name),
      [zone],
    );
  for (const node of cluster.nodes) {
    const client = await ns.pause({ name: `curl-from-${node.name}`, node });
    const near = pods.filter((pod) => pod.node === node).map(({ name }) => name);
    await expectHosts(client, { host: spec!.clusterIP!, port: 80 }, near);
  }
});

/** A Service with node ports for both families. */
async function localhostService(
  ns: ClusterPods,
  labels: object,
  spec: object = {},
): Promise<Wire<V1Service>> {
  return ns.service("agnhost-localhost-nodeport", {
    type: "NodePort",
    selector: labels,
    ipFamilyPolicy: "RequireDualStack",
    ports: [{ port: 9000, targetPort: 9376, protocol: "TCP" }],
    ...spec,
  });
}

for (const host of ["127.0.0.1", "::1"]) {
  test(
    `[sig-network] LocalhostNodePorts should proxy localhost NodePort traffic to backends across nodes (${host})`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "localhost-nodeports");
      const labels = { app: "agnhost-localhost-nodeport" };
      const pods = await ns.replicas({ name: "agnhost-localhost-nodeport", labels, httpPorts: [9376] }, 2);
      const { spec } = await localhostService(ns, labels);
      const port = spec!.ports![0]!.nodePort!;
      for (const node of cluster.nodes)
        await expectHosts(
          node,
          { host, port },
          pods.map(({ name }) => name),
        );
    },
  );

  test(
    `[sig-network] LocalhostNodePorts should honor sessionAffinity=ClientIP for localhost NodePort (${host})`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "localhost-nodeports");
      const [node] = cluster.nodes;
      const labels = { app: "agnhost-sticky-localhost" };
      const names = ["0", "1", "2"].map((i) => `agnhost-sticky-localhost-${i}`);
      await Promise.all(names.map((name) => ns.netexec({ name, labels, node: node!, httpPorts: [9376] })));
      const { spec } = await localhostService(ns, labels, {
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
      });
      const port = spec!.ports![0]!.nodePort!;
      // checkAffinity: fifteen answers in a row from one pod, within two minutes.
      const seen = await eventually("fifteen answers from one pod", 2 * 60_000, async () => {
        const answers = kinds(await ask(node!, { host, port }, 15));
        return answers.length === 1 && names.includes(answers[0]!) ? answers : undefined;
      });
      assert.deepEqual(kinds(await ask(node!, { host, port }, 30)), seen);
    },
  );
}

/** Upstream looks with lsmod on the nodes: a kernel module that nobody needs is a surface for attacks. */
test(
  "[sig-network] SCTP should allow creating a basic SCTP service with pod and endpoints [LinuxOnly] [Serial]",
  { skip },
  async (t) => {
    // A kernel without modules has none to load.
    const modules = (): boolean =>
      existsSync("/proc/modules") && /^sctp /m.test(readFileSync("/proc/modules", "utf8"));
    const before = modules();
    const ns = await cluster.namespace(t, "sctp");
    const labels = { app: "hostport" };
    const { spec } = await ns.service("sctp-endpoint-test", {
      selector: labels,
      ports: [{ protocol: "SCTP", port: 5060, targetPort: 5060 }],
    });
    const ports = [{ containerPort: 5060, protocol: "SCTP" }];
    const [node] = cluster.nodes;
    const pod = await ns.pause({ name: "pod1", node: node!, labels, container: { ports } });
    const slices = ns.api.of<V1EndpointSlice>("discovery.k8s.io/v1", "endpointslices", ns.namespace);
    await eventually("the pod is an endpoint", 3 * 60_000, async () => {
      const { items } = await slices.list({ labelSelector: "kubernetes.io/service-name=sctp-endpoint-test" });
      const found = items.flatMap((slice) => (slice.endpoints ?? []).flatMap(({ addresses }) => addresses));
      return found.join() === pod.ip && items[0]!.ports![0]!.protocol === "SCTP" ? true : undefined;
    });
    // Not upstream's: it is programmed (its packets are sent in test/dataplane-nftables-balance.test.ts).
    await eventually(`${spec!.clusterIP} leads to the pod`, 60_000, async () => {
      const args = ["netns", "exec", node!.netns, "nft", "list", "ruleset"];
      const { stdout } = await promisify(execFile)("ip", args);
      return stdout.includes(`${spec!.clusterIP} . sctp . 5060`) ? true : undefined;
    });
    assert.equal(modules(), before, "the module was not loaded for it");
  },
);

test("[sig-network] Networking should check kube-proxy urls", { skip }, async () => {
  for (const { netns } of cluster.nodes) {
    const health = await httpGet(netns, { host: "127.0.0.1", port: 10_256 }, "/healthz");
    assert.equal(health.error, undefined, "200 OK");
    assert.match(health.said!, /lastUpdated/);
    const mode = await httpGet(netns, { host: "127.0.0.1", port: 10_249 }, "/proxyMode");
    assert.deepEqual(mode, { said: "nftables", error: undefined });
  }
});
