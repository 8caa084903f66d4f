/** Upstream: test/e2e/network/endpointslicemirroring.go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1Endpoints, V1EndpointSlice, V1Service } from "@kubernetes/client-node";
import { startCluster } from "./cluster.ts";
import { serviceSlices } from "./endpoint-expectations.ts";
import { eventually } from "../lab/eventually.ts";
import type { Wire } from "./resource.ts";

const MIRRORED = 12_000;

const cluster = await startCluster();
const { api } = cluster;

async function slicesOf(namespace: string, service: string): Promise<Wire<V1EndpointSlice>[]> {
  const { items } = await api
    .of<V1EndpointSlice>("discovery.k8s.io/v1", "endpointslices", namespace)
    .list({ labelSelector: serviceSlices(service) });
  return items;
}

/** Its one address on its one port 80; undefined if it is otherwise. */
function onlyAddress(slice: Wire<V1EndpointSlice> | undefined): string | undefined {
  const { ports = [], endpoints = [] } = slice ?? {};
  return ports.length === 1 && ports[0]!.port === 80 && endpoints.length === 1
    ? endpoints[0]!.addresses.join()
    : undefined;
}

test("[sig-network] EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "endpointslicemirroring");
  const name = "example-custom-endpoints";
  await api.core<V1Service>("services", ns).create({
    metadata: { name },
    spec: { ports: [{ name: "example", port: 80, protocol: "TCP" }] },
  });
  const endpoints = api.core<V1Endpoints>("endpoints", ns);
  const custom = (ip: string): object => ({
    metadata: { name },
    subsets: [{ ports: [{ port: 80 }], addresses: [{ ip }] }],
  });

  await endpoints.create(custom("10.1.2.3"));
  await eventually("a mirrored slice", MIRRORED, async () => {
    const slices = await slicesOf(ns, name);
    // A slice that is there must be right at once.
    for (const slice of slices) assert.equal(onlyAddress(slice), "10.1.2.3");
    return slices.length > 0 ? true : undefined;
  });

  // Without a resourceVersion, as upstream has it: whatever was there is replaced.
  await endpoints.update(custom("10.2.3.4"));
  await eventually("the one slice has the new address", MIRRORED, async () => {
    const slices = await slicesOf(ns, name);
    return slices.length === 1 && onlyAddress(slices[0]) === "10.2.3.4" ? true : undefined;
  });

  await endpoints.delete(name);
  await eventually("no slice is left", MIRRORED, async () =>
    (await slicesOf(ns, name)).length === 0 ? true : undefined,
  );
});

/** The object-level part of the test: upstream also connects to both ports. */
test("[sig-network] EndpointSliceMirroring should mirror a custom Endpoint with multiple subsets and same IP address (objects)", async (t) => {
  const ns = await cluster.namespace(t, "endpointslicemirroring");
  const name = "example-custom-endpoints";
  await api.core<V1Service>("services", ns).create({
    metadata: { name },
    spec: {
      ports: [
        { name: "port80", port: 80, protocol: "TCP" },
        { name: "port81", port: 81, protocol: "TCP" },
      ],
    },
  });
  const endpoints = api.core<V1Endpoints>("endpoints", ns);
  const ip = "10.244.1.1";
  await endpoints.create({
    metadata: { name },
    subsets: [
      { ports: [{ name: "port80", port: 8090 }], addresses: [{ ip }] },
      { ports: [{ name: "port81", port: 9090 }], addresses: [{ ip }] },
    ],
  });
  await eventually("both ports are mirrored", MIRRORED, async () => {
    const ports = (await slicesOf(ns, name))
      .filter(({ endpoints = [] }) => endpoints.some(({ addresses }) => addresses.includes(ip)))
      .flatMap(({ ports }) => (ports ?? []).map(({ name, port }) => `${name}:${port}`));
    return ports.sort().join() === "port80:8090,port81:9090" ? true : undefined;
  });
  await endpoints.delete(name);
  await eventually("no slice is left", MIRRORED, async () =>
    (await slicesOf(ns, name)).length === 0 ? true : undefined,
  );
});
