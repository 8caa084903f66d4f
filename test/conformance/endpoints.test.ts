/** Upstream: test/e2e/network/endpoints.go and service_latency.go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1Endpoints, V1Service } from "@kubernetes/client-node";
import { startCluster } from "./cluster.ts";
import { expectEndpoints } from "./endpoint-expectations.ts";
import { FOREVER, eventually } from "../lab/eventually.ts";
import { isRefused } from "./resource.ts";

const cluster = await startCluster();
const { api } = cluster;

test("[sig-network] Endpoints should test the lifecycle of an Endpoint [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "endpoints");
  const endpoints = api.core<V1Endpoints>("endpoints", ns);
  const everywhere = api.core<V1Endpoints>("endpoints");
  const name = "testservice";
  const ours = { labelSelector: "test-endpoint-static=true" };
  const until = async (resourceVersion: string | undefined, type: string): Promise<void> => {
    await using watch = await endpoints.watch({ ...ours, resourceVersion: resourceVersion! });
    await watch.until(
      30_000,
      (event) => event.type === type && event.object.metadata!.labels!["test-endpoint-static"] === "true",
    );
  };

  const before = await everywhere.list(ours);
  const created = await endpoints.create({
    metadata: { name, labels: { "test-endpoint-static": "true" } },
    subsets: [{ addresses: [{ ip: "10.0.0.24" }], ports: [{ name: "http", port: 80, protocol: "TCP" }] }],
  });
  assert.match(created.metadata!.resourceVersion!, /^[1-9]\d*$/);
  await until(before.metadata.resourceVersion, "ADDED");

  const listed = await everywhere.list(ours);
  const found = listed.items.find(({ metadata }) => metadata!.name === name && metadata!.namespace === ns);
  assert.ok(found !== undefined, "unable to find the Endpoints in the list of all");
  found.metadata!.labels!["test-service"] = "updated";
  await endpoints.update(found);
  await until(listed.metadata.resourceVersion, "MODIFIED");
  const updated = await endpoints.get(name);
  assert.equal(updated.metadata!.labels!["test-service"], "updated");

  const patched = await endpoints.patch(name, "strategic", {
    metadata: { labels: { "test-service": "patched" } },
    subsets: [{ addresses: [{ ip: "10.0.0.25" }], ports: [{ name: "http-test", port: 8080 }] }],
  });
  assert.ok(BigInt(created.metadata!.resourceVersion!) < BigInt(patched.metadata!.resourceVersion!));
  await until(updated.metadata!.resourceVersion, "MODIFIED");
  const now = await endpoints.get(name);
  assert.equal(now.metadata!.labels!["test-service"], "patched");
  const [subset] = now.subsets!;
  assert.equal(subset!.addresses![0]!.ip, "10.0.0.25");
  assert.equal(subset!.ports![0]!.name, "http-test");
  assert.equal(subset!.ports![0]!.port, 8080);

  await endpoints.deleteCollection(ours);
  await until(now.metadata!.resourceVersion, "DELETED");
  await assert.rejects(endpoints.get(name), (error) => isRefused(error, 404));
});

test("[sig-network] EndpointsController should create and delete Endpoints for a Service with a selector that matches no pods [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "endpoints");
  const services = api.core<V1Service>("services", ns);
  const endpoints = api.core<V1Endpoints>("endpoints", ns);
  const name = "example-empty-selector";
  await services.create({
    metadata: { name },
    spec: {
      selector: { "does-not-match-anything": "endpoints-and-endpoint-slices-should-still-be-created" },
      ports: [{ name: "example", port: 80, protocol: "TCP" }],
    },
  });
  await eventually("Endpoints of the service", FOREVER, () => endpoints.find(name));
  await services.delete(name);
  await eventually("the Endpoints are gone", FOREVER, async () =>
    (await endpoints.find(name)) === undefined ? true : undefined,
  );
});

test("[sig-network] EndpointsController should create Endpoints for Pods matching a Service [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "endpoints");
  const container = { name: "container1", image: "nginx" };
  const pod1 = await cluster.runPod(ns, {
    metadata: { name: "pod1", labels: { pod1: "on", shared12: "on" } },
    spec: { containers: [{ ...container, ports: [{ name: "example-name", containerPort: 3000 }] }] },
  });
  const pod2 = await cluster.runPod(ns, {
    metadata: { name: "pod2", labels: { pod2: "on", shared12: "on" } },
    spec: {
      containers: [
        {
          ...container,
          ports: [
            { name: "example-name", containerPort: 3001 },
            { name: "other-port", containerPort: 3002 },
          ],
        },
      ],
    },
  });
  const services = api.core<V1Service>("services", ns);
  const intPort = await services.create({
    metadata: { name: "example-int-port" },
    spec: {
      selector: { pod1: "on" },
      publishNotReadyAddresses: true,
      ports: [{ name: "example", port: 80, targetPort: 3000, protocol: "TCP" }],
    },
  });
  const namedPort = await services.create({
    metadata: { name: "example-named-port" },
    spec: {
      selector: { shared12: "on" },
      publishNotReadyAddresses: true,
      ports: [{ name: "http", port: 80, targetPort: "example-name", protocol: "TCP" }],
    },
  });
  await expectEndpoints(api, ns, { service: intPort, pods: [pod1], namedPort: false }, 1);
  await expectEndpoints(api, ns, { service: namedPort, pods: [pod1, pod2], namedPort: true }, 2);
});

/** Upstream's replication controller of one pod is that one pod here. */
test("[sig-network] Service endpoints latency should not be very high [Conformance]", async (t) => {
  const trials = 200;
  const atOnce = 15;
  const ns = await cluster.namespace(t, "svc-latency");
  const selector = { name: "svc-latency-rc" };
  await cluster.runPod(ns, {
    metadata: { name: "svc-latency-rc-0", labels: selector },
    spec: { containers: [{ name: "svc-latency-rc", image: "pause" }] },
  });
  const services = api.core<V1Service>("services", ns);
  const endpoints = api.core<V1Endpoints>("endpoints", ns);

  /** When Endpoints with an address were first seen, by name; and who waits for that. */
  const seen = new Map<string, PromiseWithResolvers<number>>();
  const at = (name: string): PromiseWithResolvers<number> => {
    const known = seen.get(name) ?? Promise.withResolvers<number>();
    seen.set(name, known);
    return known;
  };
  const { resourceVersion } = (await endpoints.list()).metadata;
  const watch = await endpoints.watch({ resourceVersion });
  const watching = (async () => {
    try {
      for (;;) {
        const { object } = await watch.next(60_000);
        if ((object.subsets?.[0]?.addresses ?? []).length > 0)
          at(object.metadata!.name!).resolve(performance.now());
      }
    } catch (error) {
      // The watch was let go, or nothing came for a minute: whoever still waits is told.
      for (const { reject } of seen.values()) reject(error);
    }
  })();

  const one = async (): Promise<number> => {
    const started = performance.now();
    const service = await services.create({
      metadata: { generateName: "latency-svc-" },
      spec: { ports: [{ protocol: "TCP", port: 80 }], selector, type: "ClusterIP", sessionAffinity: "None" },
    });
    return (await at(service.metadata!.name!).promise) - started;
  };
  await one();
  const took: number[] = [];
  let left = trials;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0) took.push(await one());
    }),
  );
  await watch[Symbol.asyncDispose]();
  await watching;

  took.sort((a, b) => a - b);
  const percentile = (p: number): number =>
    took[Math.min(took.length - 1, Math.floor((took.length * p) / 100))]!;
  t.diagnostic(
    `service created to Endpoints seen: 50th ${percentile(50).toFixed(1)} ms, 90th ${percentile(90).toFixed(1)} ms, 99th ${percentile(99).toFixed(1)} ms`,
  );
  assert.equal(took.length, trials);
  assert.ok(percentile(50) < 20_000, "the median latency should be less than 20 s");
  assert.ok(percentile(99) < 50_000, "the tail (99th percentile) latency should be less than 50 s");
});
