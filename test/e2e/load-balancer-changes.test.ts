/**
 * Upstream: test/e2e/network/loadbalancer.go, and service.go's tests of that type: what changes while a load balancer is in
 * use. The test is the provider: it writes the status, asks the health checks, and leads the outside client to a node.
 */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { test } from "node:test";
import type { V1Service } from "@kubernetes/client-node";
import type { Wire } from "../conformance/resource.ts";
import { type LabCluster, type LabNode, startCluster } from "../lab/cluster.ts";
import type { ClusterPods, LabPod } from "../lab/cluster-pods.ts";
import { needsNetns } from "../lab/netns.ts";
import { httpGet, type Target, TIME_OUT, UdpClient } from "../lab/requests.ts";
import {
  ask,
  expectHosts,
  expectReachable,
  expectRefused,
  expectServiceReachable,
  expectUnreachable,
  kinds,
  type Transport,
} from "./reach.ts";

const skip = needsNetns();
const cluster: LabCluster = skip === false ? await startCluster() : undefined!;
const [node1, node2] = (skip === false ? cluster.nodes : []) as [LabNode, LabNode];
/** AffinityConfirmCount. */
const CONFIRM_COUNT = 15;
/** The part of requests that must be answered during a rolling update. */
const MIN_SUCCESS_RATE = 0.95;

/** What a provider does when it has one: the address is in the status, and clients outside are led to `node`. */
async function provide(ns: ClusterPods, name: string, ip: string, node = node1): Promise<Wire<V1Service>> {
  await cluster.routeClient(ip, node);
  const status = { loadBalancer: { ingress: [{ ip }] } };
  return ns.services.patch(name, "merge", { status }, { subresource: "status" });
}

function nodePortOf({ spec }: Wire<V1Service>): number {
  return spec!.ports![0]!.nodePort!;
}

function atNode(port: number, node = node1): Target {
  return { host: node.host.address4, port };
}

for (const [transport, ip] of [
  ["TCP", "203.0.113.21"],
  ["UDP", "203.0.113.22"],
] as const)
  test(
    `[sig-network] LoadBalancers should be able to change the type and ports of a ${transport} service [Slow]`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "loadbalancers");
      const name = "mutability-test";
      const labels = { app: name };
      const how = { transport };
      const { client } = cluster;
      const serve = (pod: string): Promise<LabPod> =>
        ns.netexec({ name: pod, labels, node: node2, httpPorts: [80], udpPorts: [80] });
      await ns.service(name, { selector: labels, ports: [{ port: 80, protocol: transport }] });
      const server = await serve("server-1");

      let service = await ns.services.change(name, ({ spec }) => void (spec!.type = "NodePort"));
      const first = nodePortOf(service);
      await expectHosts(client, atNode(first), [server.name], how);

      service = await ns.services.change(name, ({ spec }) => void (spec!.type = "LoadBalancer"));
      service = await provide(ns, name, ip);
      assert.equal(nodePortOf(service), first, "the node port need not change");
      const lb = (port: number): Target => ({ host: ip, port });
      await expectHosts(client, atNode(first), [server.name], how);
      await expectHosts(client, lb(80), [server.name], how);

      const second = await anotherNodePort(ns, service);
      await expectHosts(client, atNode(second), [server.name], how);
      await expectRefused(client, atNode(first), how);
      await expectHosts(client, lb(80), [server.name], how);

      service = await ns.services.change(name, ({ spec }) => void (spec!.ports![0]!.port = 81));
      assert.equal(nodePortOf(service), second);
      assert.equal(service.status!.loadBalancer!.ingress![0]!.ip, ip);
      await Promise.all([
        expectHosts(client, lb(81), [server.name], how),
        expectUnreachable(client, lb(80), how),
        expectHosts(client, atNode(second), [server.name], how),
      ]);

      // Without pods it is refused, as opposed to not answered: that is how clients know at once.
      await ns.delete(server);
      await expectRefused(client, lb(81), how);
      await expectRefused(client, atNode(second), how);
      const again = await serve("server-2");
      await expectHosts(client, lb(81), [again.name], how);
      await expectHosts(client, atNode(second), [again.name], how);

      service = await ns.services.change(name, ({ spec }) => {
        spec!.type = "ClusterIP";
        delete spec!.ports![0]!.nodePort;
      });
      assert.equal(service.spec!.ports![0]!.nodePort, undefined);
      assert.deepEqual(service.status!.loadBalancer, {});
      await Promise.all([
        expectUnreachable(client, atNode(second), how),
        expectUnreachable(client, lb(81), how),
      ]);
    },
  );

/** The next higher or lower one that nobody has. */
async function anotherNodePort(ns: ClusterPods, service: Wire<V1Service>): Promise<number> {
  const old = nodePortOf(service);
  const step = old < 32_767 ? 1 : -1;
  const changed = await ns.services.change(service.metadata!.name!, ({ spec }) => {
    spec!.ports![0]!.nodePort = old + step;
  });
  return nodePortOf(changed);
}

async function expectAffinity(target: Target, hosts: readonly string[], holds: boolean): Promise<void> {
  const end = performance.now() + 2 * 60_000;
  for (;;) {
    const seen = kinds(await ask(cluster.client, target, CONFIRM_COUNT));
    if (seen.every((host) => hosts.includes(host)) && (seen.length === 1) === holds) return;
    assert.ok(performance.now() < end, `affinity ${holds ? "does not hold" : "holds"}: ${seen.join()}`);
  }
}

interface AffinityLab {
  readonly target: Target;
  readonly hosts: readonly string[];
  readonly set: (sessionAffinity: "ClientIP" | "None") => Promise<unknown>;
}

async function affinityLab(
  ns: ClusterPods,
  policy: string,
  affinity: string,
  ip: string,
): Promise<AffinityLab> {
  const name = "affinity-lb";
  const labels = { app: name };
  await ns.service(name, {
    type: "LoadBalancer",
    selector: labels,
    externalTrafficPolicy: policy,
    sessionAffinity: affinity,
    ports: [{ port: 80, targetPort: 8080 }],
  });
  await provide(ns, name, ip);
  // With Local only those of the node that the client is led to.
  const wanted = policy === "Local" ? [node1, node1, node1] : [node1, node2, node1];
  const pods = await Promise.all(wanted.map((node, n) => ns.netexec({ name: `${name}-${n}`, labels, node })));
  return {
    target: { host: ip, port: 80 },
    hosts: pods.map((pod) => pod.name),
    set: (sessionAffinity) => ns.services.patch(name, "merge", { spec: { sessionAffinity } }),
  };
}

for (const [policy, ip] of [
  ["Local", "203.0.113.31"],
  ["Cluster", "203.0.113.32"],
] as const) {
  test(
    `[sig-network] LoadBalancers should have session affinity work for LoadBalancer service with ${policy} traffic policy [Slow] [LinuxOnly]`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "loadbalancers");
      const { target, hosts } = await affinityLab(ns, policy, "ClientIP", ip);
      await expectAffinity(target, hosts, true);
    },
  );

  test(
    `[sig-network] LoadBalancers should be able to switch session affinity for LoadBalancer service with ${policy} traffic policy [Slow] [LinuxOnly]`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "loadbalancers");
      const { target, hosts, set } = await affinityLab(ns, policy, "None", ip);
      await expectAffinity(target, hosts, false);
      await set("ClientIP");
      await expectAffinity(target, hosts, true);
      await set("None");
      await expectAffinity(target, hosts, false);
    },
  );
}

test(
  "[sig-network] LoadBalancers should be able to create LoadBalancer Service without NodePort and change it [Slow]",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "loadbalancers");
    const name = "reallocate-nodeport-test";
    const labels = { app: name };
    const made = await ns.service(name, {
      type: "LoadBalancer",
      selector: labels,
      allocateLoadBalancerNodePorts: false,
      ports: [{ port: 80, targetPort: 8080 }],
    });
    assert.equal(made.spec!.ports![0]!.nodePort, undefined);
    const server = await ns.netexec({ name: "server", labels, node: node2 });
    await provide(ns, name, "203.0.113.41");
    const lb = { host: "203.0.113.41", port: 80 };
    await expectHosts(cluster.client, lb, [server.name]);
    const changed = await ns.services.change(name, ({ spec }) => {
      spec!.allocateLoadBalancerNodePorts = true;
    });
    assert.ok(nodePortOf(changed) > 0);
    await expectHosts(cluster.client, atNode(nodePortOf(changed)), [server.name]);
    await expectHosts(cluster.client, lb, [server.name]);
  },
);

for (const [where, ip] of [
  ["different", "203.0.113.51"],
  ["the same", "203.0.113.52"],
] as const)
  test(
    `[sig-network] LoadBalancers should be able to preserve UDP traffic when server pod cycles for a LoadBalancer service on ${where} nodes`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "loadbalancers");
      const name = "lb-hnp";
      const labels = { app: name };
      await ns.service(name, {
        type: "LoadBalancer",
        selector: labels,
        ports: [{ port: 80, protocol: "UDP", targetPort: 8081 }],
      });
      await provide(ns, name, ip);
      const server1 = await ns.netexec({ name: "pod-server-1", labels, node: node1 });
      using udp = new UdpClient(cluster.client.netns, { host: ip, port: 80 }, 23_456);
      const until = async (host: string): Promise<void> => {
        const end = performance.now() + 2 * 60_000;
        while ((await udp.ask("hostname", 50)).said !== host)
          assert.ok(performance.now() < end, `${host} never answered`);
      };
      await until(server1.name);
      const node = where === "different" ? node2 : node1;
      const server2 = await ns.netexec({ name: "pod-server-2", labels, node });
      await ns.delete(server1);
      await until(server2.name);
    },
  );

/** As a load balancer does: leads the client to a node whose health check says that it has endpoints. */
async function balance(service: Wire<V1Service>, ip: string, signal: AbortSignal): Promise<void> {
  let current = node1;
  await cluster.routeClient(ip, current);
  const port = service.spec!.healthCheckNodePort;
  // With the policy Cluster every node will do.
  if (port === undefined) return;
  const isHealthy = async (node: LabNode): Promise<boolean> =>
    (await httpGet(cluster.client.netns, atNode(port, node), "/healthz", 500)).error === undefined;
  while (!signal.aborted) {
    const other = current === node1 ? node2 : node1;
    if (!(await isHealthy(current)) && (await isHealthy(other)))
      await cluster.routeClient(ip, (current = other));
    await setTimeout(20);
  }
}

for (const [policy, ip] of [
  ["Cluster", "203.0.113.61"],
  ["Local", "203.0.113.62"],
] as const)
  test(
    `[sig-network] LoadBalancers should not have connectivity disruption during rolling update with externalTrafficPolicy=${policy} [Slow]`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "loadbalancers");
      const name = "rolling-update";
      const labels = { app: name };
      await ns.service(name, {
        type: "LoadBalancer",
        selector: labels,
        externalTrafficPolicy: policy,
        ports: [{ port: 80, targetPort: 8080 }],
      });
      const service = await provide(ns, name, ip);
      // A daemon set's: one on each node, which goes on serving while it is told to end; upstream's for 60 s.
      const create = (node: LabNode, generation: number): Promise<LabPod> =>
        ns.netexec({
          name: `${name}-${node.name}-${generation}`,
          labels,
          node,
          delayShutdown: 2,
          spec: { terminationGracePeriodSeconds: 3 },
          container: { readinessProbe: { httpGet: { path: "/healthz", port: 8080 }, periodSeconds: 1 } },
        });
      const pods = await Promise.all(cluster.nodes.map((node) => create(node, 0)));
      const over = new AbortController();
      const balancing = balance(service, ip, over.signal);
      const target = { host: ip, port: 80 };
      await expectReachable(cluster.client, target);
      let answered = 0;
      const failures: string[] = [];
      const requests = (async () => {
        while (!over.signal.aborted) {
          for (const { error } of await ask(cluster.client, target, 2))
            if (error === undefined) answered++;
            else failures.push(error);
          await setTimeout(5);
        }
      })();
      for (const pod of pods) {
        await ns.delete(pod);
        await create(pod.node, 1);
      }
      over.abort();
      await Promise.all([requests, balancing]);
      const rate = answered / (answered + failures.length);
      t.diagnostic(`${answered} of ${answered + failures.length} requests answered`);
      assert.ok(rate >= MIN_SUCCESS_RATE, `${rate}; failed: ${Array.from(new Set(failures)).join()}`);
    },
  );

test(
  "[sig-network] LoadBalancers ExternalTrafficPolicy: Local [Slow] should target all nodes with endpoints",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "esipp");
    const name = "external-local-nodes";
    const labels = { app: name };
    await ns.service(name, {
      type: "LoadBalancer",
      selector: labels,
      externalTrafficPolicy: "Local",
      ports: [{ port: 80, targetPort: 8080 }],
    });
    const service = await provide(ns, name, "203.0.113.71");
    const port = service.spec!.healthCheckNodePort!;
    for (const node of cluster.nodes) {
      const server = await ns.netexec({ name: `server-${node.name}`, labels, node });
      await expectReachable(cluster.client, atNode(port, node));
      await cluster.routeClient("203.0.113.71", node);
      await expectHosts(cluster.client, { host: "203.0.113.71", port: 80 }, [server.name]);
      const seen = await ask(cluster.client, { host: "203.0.113.71", port: 80 }, 3, { what: "clientip" });
      for (const said of kinds(seen)) assert.equal(said.replace(/:\d+$/, ""), cluster.client.address4);
    }
  },
);

test(
  "[sig-network] Services should fail health check node port if there are only terminating endpoints",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "services");
    const name = "svc-proxy-terminating";
    const labels = { app: name };
    const service = await ns.service(name, {
      type: "LoadBalancer",
      selector: labels,
      externalTrafficPolicy: "Local",
      ports: [{ port: 80, targetPort: 8080 }],
    });
    const server = await ns.netexec({
      name: "echo-hostname-0",
      labels,
      node: node1,
      delayShutdown: 20,
      spec: { terminationGracePeriodSeconds: 20 },
    });
    const check = atNode(service.spec!.healthCheckNodePort!);
    const untilHealth = async (error: string | undefined): Promise<void> => {
      const end = performance.now() + 60_000;
      for (;;) {
        const seen = await ask(cluster.client, check, 5, { what: "healthz" });
        if (seen.every((one) => one.error === error)) return;
        assert.ok(performance.now() < end, `the health check said ${kinds(seen).join()}`);
      }
    };
    await untilHealth(undefined);
    await ns.pods.delete(server.name);
    await untilHealth("HTTP 503");
    // And yet who comes is served.
    await expectHosts(cluster.client, atNode(nodePortOf(service)), [server.name]);
    assert.notEqual((await ns.pods.get(server.name)).metadata!.deletionTimestamp, undefined);
  },
);

test(
  "[sig-network] Services should be able to connect to same port and different protocol for internal traffic on Type LoadBalancer",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "services");
    const name = "multiprotocol-lb-test";
    const labels = { app: name };
    const port = (protocol: Transport): object => ({
      name: protocol.toLowerCase(),
      port: 80,
      targetPort: 80,
      protocol,
    });
    await ns.service(name, {
      type: "LoadBalancer",
      selector: labels,
      ports: [port("TCP"), port("UDP")],
    });
    const service = await provide(ns, name, "203.0.113.81");
    const server = await ns.netexec({ name: "pod1", labels, node: node1, httpPorts: [80], udpPorts: [80] });
    const execpod = await ns.pause({ name: "execpod", node: node2 });
    await expectServiceReachable(service, cluster.nodes, execpod, [server.name]);

    const target = { host: service.spec!.clusterIP!, port: 80 };
    for (const [kept, gone] of [
      ["TCP", "UDP"],
      ["UDP", "TCP"],
    ] as const) {
      await ns.services.patch(name, "merge", { spec: { ports: [port(kept)] } });
      await expectHosts(execpod, target, [server.name], { transport: kept });
      await expectUnreachable(execpod, target, { transport: gone });
    }
    const [last] = await ask(execpod, target, 1, { transport: "TCP" });
    assert.notEqual(last!.error, TIME_OUT, "refused, as any port of a Service's address that it has not");
  },
);
