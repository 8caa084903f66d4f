/** Upstream: test/e2e/network/service_cidrs.go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1IPAddress, V1Service, V1ServiceCIDR } from "@kubernetes/client-node";
import { startCluster } from "./cluster.ts";
import { eventually } from "../lab/eventually.ts";

const GROUP_VERSION = "networking.k8s.io/v1";
/** e2eservice.RespondingTimeout. */
const RESPONDING_TIMEOUT = 10_000;

const cluster = await startCluster();
const { api } = cluster;
const cidrs = api.of<V1ServiceCIDR>(GROUP_VERSION, "servicecidrs");
const addresses = api.of<V1IPAddress>(GROUP_VERSION, "ipaddresses");

test("[sig-network] ServiceCIDR and IPAddress API should support ServiceCIDR API operations [Conformance]", async () => {
  const byDefault = await cidrs.get("kubernetes");
  const status = await cidrs.get("kubernetes", "status");
  const { apiVersion, kind } = status as { apiVersion?: string; kind?: string };
  assert.deepEqual({ apiVersion, kind }, { apiVersion: GROUP_VERSION, kind: "ServiceCIDR" });
  assert.equal(status.metadata!.uid, byDefault.metadata!.uid);
  assert.ok((await cidrs.list()).items.length > 0, "expected at least the default ServiceCIDR");
  await using _watch = await cidrs.watch();
});

test("[sig-network] ServiceCIDR and IPAddress API should support IPAddress API operations [Conformance]", async () => {
  const parentRef = { group: "mygroup", resource: "myresources", namespace: "foo", name: "bar" };
  const name = "255.255.255.255";
  const created = await addresses.create({
    metadata: { name, labels: { type: "broadcast" } },
    spec: { parentRef },
  });
  assert.match(created.metadata!.resourceVersion!, /^[1-9]\d*$/);
  await addresses.create({
    metadata: { name: "fe80::42:1dff:fe84:f9e2", labels: { type: "link-local" } },
    spec: { parentRef },
  });

  const patched = await addresses.patch(name, "merge", { metadata: { annotations: { patched: "true" } } });
  assert.equal(patched.metadata!.annotations!["patched"], "true");
  assert.ok(BigInt(created.metadata!.resourceVersion!) < BigInt(patched.metadata!.resourceVersion!));
  const updated = await addresses.change(name, ({ metadata }) => {
    metadata!.annotations!["updated"] = "true";
  });
  assert.equal(updated.metadata!.annotations!["updated"], "true");
  await addresses.get(name);
  assert.equal((await addresses.list({ labelSelector: "type=broadcast" })).items.length, 1);
  await using _watch = await addresses.watch({ labelSelector: "type=broadcast" });

  await addresses.delete(name);
  await addresses.deleteCollection({ labelSelector: "type=link-local" });
  assert.equal((await addresses.list({ labelSelector: "type=link-local" })).items.length, 0);
});

/** The object-level part of the test: upstream also connects to the service. */
test("[sig-network] Service CIDRs should create Services and serve on different Service CIDRs (objects)", async (t) => {
  const ns = await cluster.namespace(t, "servicecidrs");
  const name = "test-svc-cidr";
  await cidrs.create({ metadata: { name }, spec: { cidrs: ["203.0.113.0/24"] } });
  t.after(() => cidrs.delete(name));
  await eventually("the ServiceCIDR is ready", RESPONDING_TIMEOUT, async () => {
    const { status } = await cidrs.get(name);
    const ready = (status?.conditions ?? []).find(({ type }) => type === "Ready");
    return ready?.status === "True" ? true : undefined;
  });
  const services = api.core<V1Service>("services", ns);
  const service = await services.create({
    metadata: { name: "cidr1-test" },
    spec: {
      clusterIP: "203.0.113.10",
      type: "NodePort",
      ports: [{ port: 80, name: "http", protocol: "TCP", targetPort: 9376 }],
    },
  });
  assert.equal(service.spec!.clusterIP, "203.0.113.10");
  const address = await addresses.get("203.0.113.10");
  assert.equal(address.spec.parentRef.name, "cidr1-test");
  await services.delete("cidr1-test");
});
