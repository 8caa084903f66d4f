/** Upstream: test/e2e/network/service.go, types and their changes, by the Service's name as well as by address. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1Service } from "@kubernetes/client-node";
import { eventually } from "../lab/eventually.ts";
import type { Wire } from "../conformance/resource.ts";
import { type LabCluster, startCluster } from "../lab/cluster.ts";
import type { ClusterPods, LabPod } from "../lab/cluster-pods.ts";
import { needsPrograms } from "../lab/dns.ts";
import { needsNetns } from "../lab/netns.ts";
import { expectHosts, expectRefused, expectServiceReachable } from "./reach.ts";

const skip = needsNetns() || needsPrograms("getent");
const cluster: LabCluster = skip === false ? await startCluster({ dns: true }) : undefined!;

/** e2eservice.ServiceReachabilityShortPollTimeout, milliseconds. */
const REACHABLE_TIMEOUT = 2 * 60_000;
const PORT = 80;

interface Backends {
  readonly labels: Readonly<Record<string, string>>;
  readonly hosts: readonly string[];
}

/** CreateServicePods and StartServeHostnameService: two pods, one on each node. */
async function backends(ns: ClusterPods, name: string): Promise<Backends> {
  const labels = { name };
  const pods = await ns.replicas({ name: `${name}-pod`, labels, httpPorts: [9376] }, 2);
  return { labels, hosts: pods.map((pod) => pod.name) };
}

function clients(ns: ClusterPods): Promise<LabPod[]> {
  return Promise.all(cluster.nodes.map((node) => ns.pause({ name: `execpod-${node.name}`, node })));
}

/** The first address of a name as a pod's C library finds it; undefined: none. */
async function resolve(ns: ClusterPods, pod: LabPod, name: string): Promise<string | undefined> {
  try {
    return (await ns.exec(pod, "getent", "ahostsv4", name)).split(/\s/)[0]!;
  } catch (error) {
    // getent's "not found".
    if ((error as { code?: number }).code === 2) return undefined;
    throw error;
  }
}

/** testReachabilityOverServiceName: `hosts` answer at the port of the name. */
async function expectNamed(
  ns: ClusterPods,
  pod: LabPod,
  name: string,
  hosts: readonly string[],
): Promise<string> {
  const host = await eventually(`${name} has an address in ${pod.name}`, REACHABLE_TIMEOUT, async () =>
    resolve(ns, pod, name),
  );
  await expectHosts(pod, { host, port: PORT }, hosts, { limit: REACHABLE_TIMEOUT });
  return host;
}

/** CheckServiceReachability. */
async function expectEverywhere(
  ns: ClusterPods,
  service: Wire<V1Service>,
  hosts: readonly string[],
): Promise<void> {
  for (const pod of await clients(ns)) {
    assert.equal(await expectNamed(ns, pod, service.metadata!.name!, hosts), service.spec!.clusterIP);
    await expectServiceReachable(service, cluster.nodes, pod, hosts);
  }
}

const HTTP = { name: "http", port: PORT, protocol: "TCP", targetPort: 9376 };

for (const [number, type] of [
  ["ClusterIP", "ClusterIP"],
  ["NodePort", "NodePort"],
] as const)
  test(
    `[sig-network] Services should be able to change the type from ExternalName to ${number} [Conformance]`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "services");
      const name = "externalname-service";
      const made = await ns.service(name, { type: "ExternalName", externalName: "example.com" });
      assert.equal(made.spec!.clusterIP, undefined);
      const { labels, hosts } = await backends(ns, name);
      const service = await ns.services.change(name, ({ spec }) => {
        delete spec!.externalName;
        Object.assign(spec!, { type, selector: labels, ports: [HTTP] });
      });
      assert.equal(service.spec!.ports![0]!.nodePort !== undefined, type === "NodePort");
      await expectEverywhere(ns, service, hosts);
    },
  );

for (const type of ["ClusterIP", "NodePort"] as const)
  test(
    `[sig-network] Services should be able to change the type from ${type} to ExternalName [Conformance]`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "services");
      const name = type === "ClusterIP" ? "clusterip-service" : "nodeport-service";
      // What the name is to lead to: upstream's externalsvc.
      const { labels, hosts } = await backends(ns, "externalsvc");
      await ns.service("externalsvc", { selector: labels, ports: [HTTP] });
      const before = await ns.service(name, { type, selector: labels, ports: [HTTP] });
      const pods = await clients(ns);
      for (const pod of pods) await expectServiceReachable(before, cluster.nodes, pod, hosts);

      const externalName = `externalsvc.${ns.namespace}.svc.cluster.local`;
      const after = await ns.services.change(name, ({ spec }) => {
        Object.assign(spec!, { type: "ExternalName", externalName });
      });
      assert.equal(after.spec!.clusterIP, undefined);
      assert.equal(after.spec!.ports?.[0]?.nodePort, undefined);
      const { clusterIP } = (await ns.services.get("externalsvc")).spec!;
      for (const pod of pods) {
        const fqdn = `${name}.${ns.namespace}.svc.cluster.local`;
        await eventually(`${fqdn} is externalsvc`, REACHABLE_TIMEOUT, async () =>
          (await resolve(ns, pod, fqdn)) === clusterIP ? true : undefined,
        );
        await expectNamed(ns, pod, fqdn, hosts);
        // Not upstream's: what the Service had is served no longer.
        await expectRefused(pod, { host: before.spec!.clusterIP!, port: PORT });
        if (type === "NodePort")
          for (const { host } of cluster.nodes)
            await expectRefused(pod, { host: host.address4, port: before.spec!.ports![0]!.nodePort! });
      }
    },
  );

test(
  "[sig-network] Services should be able to create a functioning NodePort service [Conformance]",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "services");
    const { labels, hosts } = await backends(ns, "nodeport-test");
    const service = await ns.service("nodeport-test", { type: "NodePort", selector: labels, ports: [HTTP] });
    await expectEverywhere(ns, service, hosts);
    for (const { host } of cluster.nodes)
      for (const from of [cluster.client, ...cluster.nodes])
        await expectHosts(from, { host: host.address4, port: service.spec!.ports![0]!.nodePort! }, hosts);
  },
);
