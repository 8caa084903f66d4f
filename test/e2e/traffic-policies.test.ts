/** Upstream: test/e2e/network/service.go: traffic policies, terminating and unready endpoints, node ports of changing types. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../lab/eventually.ts";
import { type LabCluster, startCluster } from "../lab/cluster.ts";
import type { ClusterPods, LabPod } from "../lab/cluster-pods.ts";
import { needsNetns } from "../lab/netns.ts";
import type { Target } from "../lab/requests.ts";
import {
  ask,
  expectHosts,
  expectReachable,
  expectRefused,
  expectServiceReachable,
  expectUnreachable,
  type From,
  kinds,
} from "./reach.ts";

const skip = needsNetns();
const cluster: LabCluster = skip === false ? await startCluster() : undefined!;
const [node1, node2] = skip === false ? cluster.nodes : [];
/** How long a terminating pod goes on serving, in seconds. */
const SHUTDOWN = 20;

async function expectNone(from: From, target: Target): Promise<void> {
  await expectUnreachable(from, target);
  const seen = await ask(from, target, 5, { timeout: 500 });
  assert.ok(
    seen.every(({ error }) => error !== undefined),
    `${from.name} heard ${kinds(seen).join()}`,
  );
}

const PLACES = [
  ["Pod (hostNetwork: false) to Pod (hostNetwork: false)", false, false],
  ["Pod (hostNetwork: true) to Pod (hostNetwork: false)", true, false],
  ["Pod and Node, to Pod (hostNetwork: true)", true, true],
] as const;

for (const [title, hostClient, hostServer] of PLACES)
  test(`[sig-network] Services should respect internalTrafficPolicy=Local ${title}`, { skip }, async (t) => {
    const ns = await cluster.namespace(t, "services");
    const labels = { app: "internal-local" };
    const { spec } = await ns.service("svc-itp", {
      selector: labels,
      internalTrafficPolicy: "Local",
      ports: [{ port: 80, targetPort: 8083 }],
    });
    const server = await ns.netexec({
      name: "echo-hostname-0",
      node: node1!,
      labels,
      httpPorts: [8083],
      udpPorts: [],
      ...(hostServer && { spec: { hostNetwork: true } }),
    });
    const target = { host: spec!.clusterIP!, port: 80 };
    const make = (name: string, node: typeof node1, hostNetwork: boolean): Promise<LabPod> =>
      ns.pause({ name, node: node!, ...(hostNetwork && { spec: { hostNetwork: true } }) });
    const near: From[] = [await make("pause-pod-0", node1, hostClient)];
    const far: From[] = [await make("pause-pod-1", node2, hostClient)];
    if (hostServer) {
      near.push(await make("pause-pod-2", node1, false));
      far.push(await make("pause-pod-3", node2, false));
    }
    for (const from of near) await expectHosts(from, target, [server.name]);
    for (const from of far) await expectNone(from, target);
    if (hostServer) await ns.delete(server);
  });

interface Terminating {
  readonly clusterIP: Target;
  readonly nodePorts: readonly Target[];
  /** On the server's node, and on the other. */
  readonly near: LabPod;
  readonly far: LabPod;
  readonly server: LabPod;
}

/** A Service whose only pod is going, and still serves. */
async function terminating(ns: ClusterPods, spec: object): Promise<Terminating> {
  const labels = { app: "terminating" };
  const service = await ns.service("svc", {
    type: "NodePort",
    selector: labels,
    ports: [{ port: 80, targetPort: 80 }],
    ...spec,
  });
  const [near, far] = await Promise.all([
    ns.pause({ name: "pause-pod-0", node: node1! }),
    ns.pause({ name: "pause-pod-1", node: node2! }),
  ]);
  const server = await ns.netexec({
    name: "echo-hostname-0",
    node: node1!,
    labels,
    httpPorts: [80],
    udpPorts: [],
    delayShutdown: SHUTDOWN,
    spec: { terminationGracePeriodSeconds: SHUTDOWN + 10 },
  });
  const port = service.spec!.ports![0]!.nodePort!;
  const targets = {
    clusterIP: { host: service.spec!.clusterIP!, port: 80 },
    nodePorts: cluster.nodes.map(({ host }) => ({ host: host.address4, port })),
  };
  await expectHosts(near, targets.clusterIP, [server.name]);
  await ns.pods.delete(server.name);
  await eventually("the endpoint is terminating", 30_000, async () => {
    const slices = await ns.api
      .of<{ endpoints?: { conditions?: { terminating?: boolean } }[] }>(
        "discovery.k8s.io/v1",
        "endpointslices",
        ns.namespace,
      )
      .list();
    return slices.items.some(({ endpoints }) => endpoints?.[0]?.conditions?.terminating === true)
      ? true
      : undefined;
  });
  return { ...targets, near, far, server };
}

for (const policy of ["Cluster", "Local"] as const) {
  test(
    `[sig-network] Services should fallback to terminating endpoints when there are no ready endpoints with internalTrafficPolicy=${policy}`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "services");
      const { clusterIP, near, far, server } = await terminating(ns, { internalTrafficPolicy: policy });
      await expectHosts(near, clusterIP, [server.name]);
      if (policy === "Cluster") await expectHosts(far, clusterIP, [server.name]);
      else await expectNone(far, clusterIP);
    },
  );

  test(
    `[sig-network] Services should fallback to terminating endpoints when there are no ready endpoints with externallTrafficPolicy=${policy} via NodePort`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "services");
      const { nodePorts, far, server } = await terminating(ns, { externalTrafficPolicy: policy });
      // Upstream asks from a pod with hostNetwork, and from outside where Local is meant.
      const from = policy === "Cluster" ? far : cluster.client;
      await expectHosts(from, nodePorts[0]!, [server.name]);
      if (policy === "Cluster") await expectHosts(from, nodePorts[1]!, [server.name]);
      else await expectNone(from, nodePorts[1]!);
    },
  );
}

for (const publish of [true, false]) {
  const title = publish
    ? "be able to connect to terminating and unready endpoints if PublishNotReadyAddresses is true"
    : "not be able to connect to terminating and unready endpoints if PublishNotReadyAddresses is false";
  test(`[sig-network] Services should ${title}`, { skip }, async (t) => {
    const ns = await cluster.namespace(t, "services");
    const labels = { app: "svc-tolerate-unready" };
    const service = await ns.service("svc-tolerate-unready", {
      type: "NodePort",
      selector: labels,
      publishNotReadyAddresses: publish,
      ports: [{ port: 80, targetPort: 80 }],
    });
    await ns.createNetexec({
      name: "webserver",
      labels,
      node: node1!,
      httpPorts: [80],
      udpPorts: [],
      delayShutdown: SHUTDOWN,
      container: { readinessProbe: { httpGet: { path: "/never", port: 80 } } },
      spec: { terminationGracePeriodSeconds: SHUTDOWN + 10 },
    });
    const server = await ns.running("webserver", false);
    await expectReachable(node1!, { host: server.ip, port: 80 });
    await ns.pods.delete(server.name);
    const client = await ns.pause({ name: "pause-pod-0", node: node2! });
    if (publish) return expectServiceReachable(service, cluster.nodes, client, [server.name]);
    const port = service.spec!.ports![0]!.nodePort!;
    for (const target of [
      { host: service.spec!.clusterIP!, port: 80 },
      ...cluster.nodes.map(({ host }) => ({ host: host.address4, port })),
    ])
      await expectRefused(client, target);
  });
}

test("[sig-network] Services should create endpoints for unready pods", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "services");
  const labels = { name: "slow-terminating-unready-pod" };
  const { spec } = await ns.service("tolerate-unready", {
    selector: labels,
    publishNotReadyAddresses: true,
    ports: [{ name: "http", port: 80, targetPort: 80 }],
  });
  await ns.createNetexec({
    name: "slow-terminating-unready-pod",
    labels,
    httpPorts: [80],
    udpPorts: [],
    delayShutdown: SHUTDOWN,
    container: { readinessProbe: { exec: { command: ["/bin/false"] } } },
    spec: { terminationGracePeriodSeconds: SHUTDOWN + 10 },
  });
  const pod = await ns.running("slow-terminating-unready-pod", false);
  const client = await ns.pause({ name: "execpod" });
  const target = { host: spec!.clusterIP!, port: 80 };
  const publish = (publishNotReadyAddresses: boolean): Promise<unknown> =>
    ns.services.patch("tolerate-unready", "merge", { spec: { publishNotReadyAddresses } });
  await expectHosts(client, target, [pod.name]);
  await publish(false);
  await expectUnreachable(client, target);
  await publish(true);
  await expectHosts(client, target, [pod.name]);
  await ns.pods.delete(pod.name);
  await expectHosts(client, target, [pod.name]);
});

test(
  "[sig-network] Services should be able to update service type to NodePort listening on same port number but different protocols",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "services");
    const labels = { name: "nodeport-update" };
    const created = await ns.service("nodeport-update-service", {
      selector: labels,
      ports: [{ name: "tcp-port", port: 80, protocol: "TCP", targetPort: 9376 }],
    });
    assert.equal(created.spec!.ports![0]!.nodePort, undefined);
    const pods = await ns.replicas(
      { name: "nodeport-update", labels, httpPorts: [9376], udpPorts: [9376] },
      2,
    );
    const client = await ns.pause({ name: "execpod" });
    const hosts = pods.map(({ name }) => name);
    await expectServiceReachable(created, cluster.nodes, client, hosts);
    const service = await ns.services.change("nodeport-update-service", ({ spec }) => {
      spec!.type = "NodePort";
      spec!.ports = [
        { name: "tcp-port", port: 80, protocol: "TCP", targetPort: 9376 },
        { name: "udp-port", port: 80, protocol: "UDP", targetPort: 9376 },
      ];
    });
    assert.equal(service.spec!.ports!.length, 2);
    for (const { port, nodePort } of service.spec!.ports!) assert.ok(port === 80 && nodePort! > 0);
    await expectServiceReachable(service, cluster.nodes, client, hosts);
  },
);
