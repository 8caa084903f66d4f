/** Upstream: test/e2e/network/service.go and apiserver.go, the tests that need no running pod. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import type { V1Endpoints, V1EndpointSlice, V1Service } from "@kubernetes/client-node";
import { startCluster } from "./cluster.ts";
import { eventually } from "../lab/eventually.ts";
import type { List, Resource, Wire } from "./resource.ts";
import type { WatchEvent } from "./watching.ts";

/** svcReadyTimeout. */
const SERVICE_READY_TIMEOUT = 60_000;

const cluster = await startCluster();
const { api } = cluster;

function suffix(): string {
  return randomBytes(3).toString("hex").slice(0, 5);
}

/** As watchtools.Until: a watch from `resourceVersion` on, up to the first event that is wanted. */
async function until(
  resource: Resource<V1Service>,
  list: List<V1Service>,
  labelSelector: string,
  wanted: (event: WatchEvent<Wire<V1Service>>) => boolean,
): Promise<void> {
  const { resourceVersion } = list.metadata;
  await using watch = await resource.watch({ resourceVersion, labelSelector });
  await watch.until(SERVICE_READY_TIMEOUT, wanted);
}

test("[sig-network] Services should complete a service status lifecycle [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "services");
  const services = api.core<V1Service>("services", ns);
  const name = `test-service-${suffix()}`;
  const label = "test-service-static=true";
  const before = await api.core<V1Service>("services").list({ labelSelector: label });
  const isOurs = ({ object }: WatchEvent<Wire<V1Service>>): boolean =>
    object.metadata!.name === name && object.metadata!.namespace === ns;

  await services.create({
    metadata: { name, labels: { "test-service-static": "true" } },
    spec: {
      type: "LoadBalancer",
      ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: 80 }],
      loadBalancerClass: "example.com/internal-vip",
    },
  });
  await until(
    services,
    before,
    label,
    (event) => isOurs(event) && event.object.metadata!.labels!["test-service-static"] === "true",
  );

  const status = await services.get(name, "status");
  assert.equal((status as { kind?: string }).kind, "Service");
  assert.deepEqual(status.status, { loadBalancer: {} });

  await services.patch(
    name,
    "merge",
    {
      metadata: { annotations: { patchedstatus: "true" } },
      status: { loadBalancer: { ingress: [{ ip: "203.0.113.1" }] } },
    },
    { subresource: "status" },
  );
  const isPatched = (event: WatchEvent<Wire<V1Service>>): boolean =>
    isOurs(event) && event.object.metadata!.annotations?.["patchedstatus"] === "true";
  await until(services, before, label, isPatched);

  const condition = { type: "StatusUpdate", status: "True", reason: "E2E", message: "Set from e2e test" };
  for (;;) {
    const current = await services.get(name);
    const conditions = [
      ...(current.status?.conditions ?? []),
      // What Go writes for a time that nobody set.
      { ...condition, lastTransitionTime: null },
    ];
    try {
      await services.update(
        { ...current, status: { ...current.status, conditions } },
        { subresource: "status" },
      );
      break;
    } catch (error) {
      if ((error as { code?: number }).code !== 409) throw error;
    }
  }
  await until(
    services,
    before,
    label,
    (event) =>
      isPatched(event) &&
      event.object.status!.conditions?.[0]?.type === condition.type &&
      event.object.status!.conditions[0].reason === condition.reason &&
      event.object.status!.conditions[0].message === condition.message,
  );

  // Go's encoding of a Service of which only labels were set.
  const patched = await services.patch(name, "strategic", {
    metadata: { creationTimestamp: null, labels: { "test-service": "patched" } },
    spec: {},
    status: { loadBalancer: {} },
  });
  assert.equal(patched.metadata!.creationTimestamp, status.metadata!.creationTimestamp);
  await until(
    services,
    before,
    label,
    (event) => isOurs(event) && event.object.metadata!.labels!["test-service"] === "patched",
  );

  await services.delete(name);
  await until(
    services,
    before,
    label,
    (event) =>
      event.type === "DELETED" &&
      isOurs(event) &&
      event.object.metadata!.labels!["test-service-static"] === "true",
  );
});

test("[sig-network] Services should delete a collection of services [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "services");
  const services = api.core<V1Service>("services", ns);
  const wanted = [
    { name: `e2e-svc-a-${suffix()}`, label: "delete", port: 8001 },
    { name: `e2e-svc-b-${suffix()}`, label: "delete", port: 8002 },
    { name: `e2e-svc-c-${suffix()}`, label: "keep", port: 8003 },
  ];
  for (const { name, label, port } of wanted)
    await services.create({
      metadata: { name, labels: { "e2e-test-service": label } },
      spec: { type: "ClusterIP", ports: [{ name: "http", protocol: "TCP", port, targetPort: port }] },
    });
  assert.equal((await services.list()).items.length, 3);
  await services.deleteCollection({ labelSelector: "e2e-test-service=delete" });
  const left = await services.list();
  assert.deepEqual(
    left.items.map(({ metadata }) => metadata!.name),
    [wanted[2]!.name],
  );
});

test("[sig-network] Services should find a service from listing all namespaces [Conformance]", async () => {
  const { items } = await api.core<V1Service>("services").list();
  assert.ok(
    items.some(({ metadata }) => metadata!.name === "kubernetes" && metadata!.namespace === "default"),
    "could not find service 'kubernetes' in service list in all namespaces",
  );
});

test("[sig-network] API Server should provide secure master service [Conformance]", async () => {
  await api.core<V1Service>("services", "default").get("kubernetes");
});

test("[sig-network] API Server should have Endpoints and EndpointSlices pointing to API Server [Conformance]", async () => {
  await api.core<V1Service>("services", "default").get("kubernetes");
  const endpoints = await api.core<V1Endpoints>("endpoints", "default").get("kubernetes");
  assert.ok((endpoints.subsets ?? []).length > 0, "expected at least 1 subset in endpoints");
  const { items } = await api
    .of<V1EndpointSlice>("discovery.k8s.io/v1", "endpointslices", "default")
    .list({ labelSelector: "kubernetes.io/service-name=kubernetes" });
  assert.ok(items.length > 0, "expected at least 1 EndpointSlice");
  const ofEndpoints = {
    addresses: new Set(
      endpoints.subsets!.flatMap((subset) =>
        [...(subset.addresses ?? []), ...(subset.notReadyAddresses ?? [])].map(({ ip }) => ip),
      ),
    ),
    ports: new Set(endpoints.subsets!.flatMap(({ ports }) => (ports ?? []).map(({ port }) => port))),
  };
  const slices = items.filter(({ addressType }) => addressType === "IPv4");
  const ofSlices = {
    addresses: new Set(
      slices.flatMap(({ endpoints = [] }) => endpoints.flatMap(({ addresses }) => addresses)),
    ),
    ports: new Set(slices.flatMap(({ ports }) => (ports ?? []).map(({ port }) => port))),
  };
  assert.deepEqual(ofSlices, ofEndpoints);
});

/** The object-level part of the test: what Endpoints say as pods come and go. Nobody connects. */
test("[sig-network] Services should serve a basic endpoint from pods [Conformance] (objects)", async (t) => {
  const ns = await cluster.namespace(t, "services");
  const name = "endpoint-test2";
  const labels = { foo: "bar", baz: "blah" };
  await api
    .core<V1Service>("services", ns)
    .create({ metadata: { name }, spec: { selector: labels, ports: [{ port: 80, targetPort: 80 }] } });
  const container = { name: "agnhost-container", image: "agnhost", ports: [{ containerPort: 80 }] };

  /** Which pods' ports are endpoints of the service, by pod's name; in Endpoints and in slices alike. */
  const becomes = async (expected: Readonly<Record<string, readonly number[]>>): Promise<void> => {
    await eventually(`endpoints ${JSON.stringify(expected)}`, 3 * 60_000, async () => {
      const endpoints = await api.core<V1Endpoints>("endpoints", ns).find(name);
      const seen: Record<string, number[]> = {};
      for (const { addresses = [], ports = [] } of endpoints?.subsets ?? [])
        for (const { targetRef } of addresses) seen[targetRef!.name!] = ports.map(({ port }) => port);
      return equal(seen, expected) && endpoints !== undefined ? true : undefined;
    });
    await eventually(`slices ${JSON.stringify(expected)}`, 3 * 60_000, async () => {
      const { items } = await api
        .of<V1EndpointSlice>("discovery.k8s.io/v1", "endpointslices", ns)
        .list({ labelSelector: `kubernetes.io/service-name=${name}` });
      const seen: Record<string, number[]> = {};
      for (const { endpoints = [], ports } of items)
        for (const { targetRef } of endpoints)
          seen[targetRef!.name!] = (ports ?? []).map(({ port }) => port!);
      return equal(seen, expected) ? true : undefined;
    });
  };

  await becomes({});
  const pods = api.core("pods", ns);
  await cluster.runPod(ns, { metadata: { name: "pod1", labels }, spec: { containers: [container] } });
  await becomes({ pod1: [80] });
  await cluster.runPod(ns, { metadata: { name: "pod2", labels }, spec: { containers: [container] } });
  await becomes({ pod1: [80], pod2: [80] });
  await pods.delete("pod1", { gracePeriodSeconds: 0 });
  await becomes({ pod2: [80] });
  await pods.delete("pod2", { gracePeriodSeconds: 0 });
  await becomes({});
});

function equal(a: object, b: object): boolean {
  const sorted = (value: object): string =>
    JSON.stringify(Object.entries(value).sort(([x], [y]) => x.localeCompare(y)));
  return sorted(a) === sorted(b);
}
