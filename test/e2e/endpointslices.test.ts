/** Upstream: test/e2e/network/endpointslice.go, slices made by hand. */
import { test } from "node:test";
import { type LabCluster, startCluster } from "../lab/cluster.ts";
import type { ClusterPods } from "../lab/cluster-pods.ts";
import { needsNetns } from "../lab/netns.ts";
import { expectHosts } from "./reach.ts";

const skip = needsNetns();
const cluster: LabCluster = skip === false ? await startCluster() : undefined!;

interface HandMade {
  readonly service: string;
  readonly portName: string;
  readonly port: number;
  readonly address: string;
}

async function createSlice(ns: ClusterPods, { service, portName, port, address }: HandMade): Promise<void> {
  await ns.api.of("discovery.k8s.io/v1", "endpointslices", ns.namespace).create({
    metadata: {
      generateName: `${service}-`,
      labels: {
        "kubernetes.io/service-name": service,
        "endpointslice.kubernetes.io/managed-by": "e2e-test.kubernetes.io",
      },
    },
    addressType: "IPv4",
    ports: [{ name: portName, port, protocol: "TCP" }],
    endpoints: [{ addresses: [address] }],
  });
}

test(
  "[sig-network] EndpointSlice should support a Service with multiple ports specified in multiple EndpointSlices [Conformance]",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "endpointslice");
    const name = "example-custom-endpoints";
    const { spec } = await ns.service(name, {
      ports: [
        { name: "portname1", port: 80, targetPort: 8090 },
        { name: "portname2", port: 9090, targetPort: 9090 },
      ],
    });
    const pod = await ns.netexec({ name: "pod1", httpPorts: [8090, 9090] });
    await createSlice(ns, { service: name, portName: "portname1", port: 8090, address: pod.ip });
    await createSlice(ns, { service: name, portName: "portname2", port: 9090, address: pod.ip });
    const client = await ns.pause({ name: "pause-pod-0" });
    for (const port of [80, 9090])
      await expectHosts(client, { host: spec!.clusterIP!, port }, [pod.name], { limit: 5 * 60_000 });
  },
);

test(
  "[sig-network] EndpointSlice should support a Service with multiple endpoint IPs specified in multiple EndpointSlices [Conformance]",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "endpointslice");
    const name = "example-custom-endpoints";
    const { spec } = await ns.service(name, {
      ports: [
        { name: "port80", port: 80, targetPort: 8090 },
        { name: "port81", port: 81, targetPort: 9090 },
      ],
    });
    const pod1 = await ns.netexec({ name: "pod1", httpPorts: [8090] });
    const pod2 = await ns.netexec({ name: "pod2", httpPorts: [9090] });
    await createSlice(ns, { service: name, portName: "port80", port: 8090, address: pod1.ip });
    await createSlice(ns, { service: name, portName: "port81", port: 9090, address: pod2.ip });
    const client = await ns.pause({ name: "pause-pod-0" });
    const limit = 5 * 60_000;
    await expectHosts(client, { host: spec!.clusterIP!, port: 80 }, [pod1.name], { limit });
    await expectHosts(client, { host: spec!.clusterIP!, port: 81 }, [pod2.name], { limit });
  },
);

/** Upstream: endpointslicemirroring.go. The mirroring controller makes a slice for each subset. */
test(
  "[sig-network] EndpointSliceMirroring should mirror a custom Endpoint with multiple subsets and same IP address",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "endpointslicemirroring");
    const name = "example-custom-endpoints";
    const { spec } = await ns.service(name, {
      ports: [
        { name: "port80", port: 80, targetPort: 9090 },
        { name: "port81", port: 81, targetPort: 9091 },
      ],
    });
    const pod = await ns.netexec({ name: "pod1", httpPorts: [9090, 9091] });
    await ns.api.core("endpoints", ns.namespace).create({
      metadata: { name },
      subsets: [9090, 9091].map((port, i) => ({
        ports: [{ name: `port8${i}`, port }],
        addresses: [{ ip: pod.ip }],
      })),
    });
    const client = await ns.pause({ name: "pause-pod-0" });
    for (const port of [80, 81]) await expectHosts(client, { host: spec!.clusterIP!, port }, [pod.name]);
  },
);
