/** Upstream: test/e2e/network/endpointslice.go, the tests that need no running pod. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1EndpointSlice, V1Service } from "@kubernetes/client-node";
import { expectApiGroup } from "./api-groups.ts";
import { startCluster } from "./cluster.ts";
import { expectEndpoints, expectSlices, serviceSlices } from "./endpoint-expectations.ts";
import { FOREVER, eventually } from "../lab/eventually.ts";
import { isRefused, type Resource, type Wire } from "./resource.ts";

/** Upstream allows for its garbage collector's own period of 30 s. */
const COLLECTED = 90_000;

const cluster = await startCluster();
const { api } = cluster;

function slicesIn(namespace?: string): Resource<V1EndpointSlice> {
  return api.of<V1EndpointSlice>("discovery.k8s.io/v1", "endpointslices", namespace);
}

test("[sig-network] EndpointSlice should create and delete EndpointSlices for a Service with a selector that matches no pods [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "endpointslice");
  const services = api.core<V1Service>("services", ns);
  const name = "example-empty-selector";
  await services.create({
    metadata: { name },
    spec: {
      selector: { "does-not-match-anything": "endpoints-and-endpoint-slices-should-still-be-created" },
      ports: [{ name: "example", port: 80, protocol: "TCP" }],
    },
  });
  const ofService = { labelSelector: serviceSlices(name) };
  const slice = await eventually("an EndpointSlice of the service", FOREVER, async () => {
    const { items } = await slicesIn(ns).list(ofService);
    return items[0];
  });
  assert.equal(
    slice.metadata!.labels!["endpointslice.kubernetes.io/managed-by"],
    "endpointslice-controller.k8s.io",
  );
  assert.deepEqual(slice.endpoints ?? [], []);

  await services.delete(name);
  await eventually("no EndpointSlice is left", COLLECTED, async () =>
    (await slicesIn(ns).list(ofService)).items.length === 0 ? true : undefined,
  );
});

test("[sig-network] EndpointSlice should create Endpoints and EndpointSlices for Pods matching a Service [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "endpointslice");
  const pod1 = await cluster.runPod(ns, {
    metadata: { name: "pod1", labels: { pod1: "on", shared12: "on" } },
    spec: {
      containers: [
        { name: "container1", image: "nginx", ports: [{ name: "example-name", containerPort: 3000 }] },
      ],
    },
  });
  const pod2 = await cluster.runPod(ns, {
    metadata: { name: "pod2", labels: { pod2: "on", shared12: "on" } },
    spec: {
      containers: [
        {
          name: "container1",
          image: "nginx",
          ports: [
            { name: "example-name", containerPort: 3001 },
            { name: "other-port", containerPort: 3002 },
          ],
        },
      ],
    },
  });
  const createService = (name: string, selector: object, port: object): Promise<Wire<V1Service>> =>
    api.core<V1Service>("services", ns).create({
      metadata: { name },
      spec: {
        selector,
        publishNotReadyAddresses: true,
        ports: [{ port: 80, protocol: "TCP", ...port }],
      },
    });
  const intPort = await createService(
    "example-int-port",
    { pod1: "on" },
    { name: "example", targetPort: 3000 },
  );
  const namedPort = await createService(
    "example-named-port",
    { shared12: "on" },
    { name: "http", targetPort: "example-name" },
  );
  const noMatch = await createService(
    "example-no-match",
    { pod3: "on" },
    { name: "example-no-match", targetPort: 8080 },
  );

  const single = { service: intPort, pods: [pod1], namedPort: false };
  await expectSlices(api, ns, single, 1);
  await expectEndpoints(api, ns, single, 1);
  const named = { service: namedPort, pods: [pod1, pod2], namedPort: true };
  await expectSlices(api, ns, named, 2);
  await expectEndpoints(api, ns, named, 2);
  const none = { service: noMatch, pods: [], namedPort: false };
  await expectSlices(api, ns, none, 1);
  await expectEndpoints(api, ns, none, 0);

  const { items } = await slicesIn(ns).list({ labelSelector: serviceSlices("example-named-port") });
  for (const { metadata } of items) await slicesIn(ns).delete(metadata!.name!);
  await expectSlices(api, ns, named, 2);
  await expectEndpoints(api, ns, named, 2);
});

test("[sig-network] EndpointSlice should support creating EndpointSlice API operations [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "endpointslice");
  await expectApiGroup(api, "discovery.k8s.io", "v1", "endpointslices");
  const slices = slicesIn(ns);
  const template = {
    metadata: { generateName: "e2e-example-ing", labels: { "special-label": ns } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["1.2.3.4", "5.6.7.8"] }, { addresses: ["2.2.3.4", "6.6.7.8"] }],
  };
  await slices.create(template);
  await slices.create(template);
  const created = await slices.create(template);
  const name = created.metadata!.name!;
  assert.equal((await slices.get(name)).metadata!.uid, created.metadata!.uid);

  const ours = { labelSelector: `special-label=${ns}` };
  const list = await slices.list(ours);
  assert.equal(list.items.length, 3);
  const { resourceVersion } = list.metadata;
  await using watch = await slices.watch({ ...ours, resourceVersion });
  assert.equal((await slicesIn().list(ours)).items.length, 3);
  await using _clusterWide = await slicesIn().watch({ ...ours, resourceVersion });

  const patched = await slices.patch(name, "merge", { metadata: { annotations: { patched: "true" } } });
  assert.equal(patched.metadata!.annotations!["patched"], "true");
  const updated = await slices.change(name, ({ metadata }) => {
    metadata!.annotations!["updated"] = "true";
  });
  assert.equal(updated.metadata!.annotations!["updated"], "true");
  for (let seen = false; !seen;) {
    const { type, object } = await watch.next(FOREVER);
    assert.equal(type, "MODIFIED");
    seen = object.metadata!.annotations?.["patched"] === "true";
  }

  await slices.delete(name);
  await assert.rejects(slices.get(name), (error) => isRefused(error, 404));
  const left = await slices.list(ours);
  assert.equal(left.items.length, 2);
  assert.ok(left.items.every(({ metadata }) => metadata!.name !== name));
  await slices.deleteCollection(ours);
  assert.equal((await slices.list(ours)).items.length, 0);
});
