import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ApiError } from "../../api/api-error.ts";
import { eventKind } from "../../api/event/kind.ts";
import { ipAddressKind } from "../../api/ipaddress/kind.ts";
import type { IPAddress } from "../../api/ipaddress/type.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service, ServiceSpec } from "../../api/service/type.ts";
import { serviceCIDRKind } from "../../api/servicecidr/kind.ts";
import type { ServiceCIDR } from "../../api/servicecidr/type.ts";
import { createMemoryStore } from "../../store/memory/memory-store.ts";
import type { Store } from "../../store/store.ts";
import { storeKey } from "./keys.ts";
import { ALICE, eventually, type Fixture, refusal, service, startRegistry } from "./registry-fixture.ts";

const CONFLICTS = { serviceCidrs: ["10.96.0.0/28"], nodePorts: { first: 30000, last: 30009 } };

async function create({ registry }: Fixture, name: string, spec: ServiceSpec = {}): Promise<Service> {
  return registry.create(serviceKind, "default", service(name, spec), {}, ALICE);
}

async function addRange({ registry }: Fixture, name: string, ...cidrs: string[]): Promise<ServiceCIDR> {
  return registry.create(serviceCIDRKind, undefined, { metadata: { name }, spec: { cidrs } }, {}, ALICE);
}

async function addresses({ registry }: Fixture): Promise<string[]> {
  const { items } = await registry.list(ipAddressKind, {});
  return items.map(({ metadata, spec }) => {
    const { resource, namespace, name } = spec!.parentRef!;
    return `${metadata.name} ${resource}/${namespace}/${name}`;
  });
}

async function remove({ registry }: Fixture, name: string): Promise<void> {
  await registry.delete(serviceKind, { namespace: "default", name }, {}, ALICE);
}

/** Waits until a dry run of the Service is answered, or refused. The ranges are followed by a watch, a turn later. */
async function untilAnswered({ registry }: Fixture, spec: ServiceSpec, answered: boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  for (;;) {
    const dry = registry.create(serviceKind, "default", service("probe", spec), { dryRun: true }, ALICE);
    const answer = await dry.then(
      () => true,
      (error: unknown) => {
        if (error instanceof ApiError) return false;
        throw error;
      },
    );
    if (answer === answered) return;
    assert.ok(performance.now() < deadline, `still ${answer ? "answered" : "refused"} after 5 seconds`);
    await new Promise(setImmediate);
  }
}

async function untilGiven(fixture: Fixture, clusterIP: string, given: boolean): Promise<void> {
  await untilAnswered(fixture, { clusterIP }, given);
}

async function exists({ registry }: Fixture, name: string): Promise<boolean> {
  const { items } = await registry.list(serviceCIDRKind, { fieldSelector: `metadata.name=${name}` });
  return items.length > 0;
}

/** The reasons of the Events about a Service. */
async function reasons({ registry }: Fixture): Promise<string[]> {
  const { items } = await registry.list(eventKind, {});
  return items.map(({ reason, involvedObject, message }) => `${involvedObject.name} ${reason}: ${message}`);
}

/** Writes past the API, as an older version, another program or a mistake would. */
async function smuggle(
  store: Store,
  object: Service | IPAddress,
  kind: "service" | "address",
): Promise<void> {
  const key =
    kind === "service"
      ? storeKey(serviceKind, { namespace: "default", name: object.metadata.name! })
      : storeKey(ipAddressKind, { name: object.metadata.name! });
  await store.commit([{ type: "put", key, value: Buffer.from(JSON.stringify(object)) }]);
}

function stored(name: string, clusterIP: string, more: ServiceSpec = {}): Service {
  const made = service(name, { type: "ClusterIP", clusterIP, clusterIPs: [clusterIP], ...more });
  return { ...made, metadata: { name, namespace: "default", uid: `uid-${name}` } };
}

async function two(t: TestContext, options = CONFLICTS): Promise<[Fixture, Fixture]> {
  const first = await startRegistry(t, options);
  return [first, await startRegistry(t, { ...options, store: first.store })];
}

test("the server's own range is the ServiceCIDR kubernetes, ready and protected", async (t) => {
  const { registry } = await startRegistry(t, { serviceCidrs: ["10.96.0.0/24", "fd00::/112"] });
  const { metadata, spec, status } = await registry.get(serviceCIDRKind, { name: "kubernetes" });
  assert.deepEqual(metadata.finalizers, ["networking.k8s.io/service-cidr-finalizer"]);
  assert.deepEqual(spec, { cidrs: ["10.96.0.0/24", "fd00::/112"] });
  assert.deepEqual(status?.conditions, [
    {
      type: "Ready",
      status: "True",
      lastTransitionTime: "2026-01-02T03:04:05Z",
      reason: "",
      message: "Kubernetes Service CIDR is ready",
    },
  ]);
});

test("an address is recorded with its Service and goes with it", async (t) => {
  const fixture = await startRegistry(t);
  const { spec, metadata } = await create(fixture, "web", { clusterIP: "10.96.0.7" });
  assert.equal(spec!.clusterIP, "10.96.0.7");
  const record = await fixture.registry.get(ipAddressKind, { name: "10.96.0.7" });
  assert.deepEqual(record.metadata.labels, {
    "ipaddress.kubernetes.io/ip-family": "IPv4",
    "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
  });
  // The same commit made both.
  assert.equal(record.metadata.resourceVersion, metadata.resourceVersion);
  assert.deepEqual(await addresses(fixture), ["10.96.0.7 services/default/web"]);
  await remove(fixture, "web");
  assert.deepEqual(await addresses(fixture), []);
});

test("an IPAddress made by hand keeps its address from Services", async (t) => {
  const fixture = await startRegistry(t);
  const parentRef = { group: "example.com", resource: "gateways", name: "edge" };
  const byHand = { metadata: { name: "10.96.0.9" }, spec: { parentRef } };
  await fixture.registry.create(ipAddressKind, undefined, byHand, {}, ALICE);
  assert.match(
    await refusal(create(fixture, "web", { clusterIP: "10.96.0.9" })),
    /failed to allocate IP 10\.96\.0\.9: provided IP is already allocated$/,
  );
  await fixture.registry.delete(ipAddressKind, { name: "10.96.0.9" }, {}, ALICE);
  await untilGiven(fixture, "10.96.0.9", true);
});

test("a full installation gets room by a second range, and asks for its addresses are heard", async (t) => {
  const fixture = await startRegistry(t, { serviceCidrs: ["10.96.0.0/30"] });
  await create(fixture, "a");
  await create(fixture, "b");
  assert.match(await refusal(create(fixture, "c")), /failed to allocate a serviceIP: range is full$/);
  await addRange(fixture, "more", "10.97.0.0/28");
  await untilGiven(fixture, "10.97.0.5", true);
  assert.equal((await create(fixture, "d", { clusterIP: "10.97.0.9" })).spec!.clusterIP, "10.97.0.9");
  assert.match((await create(fixture, "c")).spec!.clusterIP!, /^10\.97\.0\./);
});

test("a range that is used stays when it is deleted, gives out nothing, and goes with the last address", async (t) => {
  const fixture = await startRegistry(t);
  await addRange(fixture, "more", "10.97.0.0/28");
  await untilGiven(fixture, "10.97.0.5", true);
  await create(fixture, "web", { clusterIP: "10.97.0.5" });
  await fixture.registry.delete(serviceCIDRKind, { name: "more" }, {}, ALICE);
  await eventually(fixture.store, async () => {
    const { status } = await fixture.registry.get(serviceCIDRKind, { name: "more" });
    return status?.conditions?.[0]?.status === "False";
  });
  const { status } = await fixture.registry.get(serviceCIDRKind, { name: "more" });
  const { reason, message } = status!.conditions![0]!;
  assert.equal(reason, "Terminating");
  assert.equal(
    message,
    "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR",
  );
  assert.match(
    await refusal(create(fixture, "x", { clusterIP: "10.97.0.6" })),
    /failed to allocate IP 10\.97\.0\.6: the provided network does not match the current range$/,
  );
  await remove(fixture, "web");
  await eventually(fixture.store, async () => !(await exists(fixture, "more")));
});

test("a range goes at once when a larger one has its addresses too, or when nothing is in use", async (t) => {
  const fixture = await startRegistry(t);
  await addRange(fixture, "small", "10.97.0.0/28");
  await addRange(fixture, "large", "10.97.0.0/24");
  await addRange(fixture, "unused", "10.98.0.0/24");
  await untilGiven(fixture, "10.97.0.100", true);
  await create(fixture, "web", { clusterIP: "10.97.0.5" });
  for (const name of ["small", "unused"]) await fixture.registry.delete(serviceCIDRKind, { name }, {}, ALICE);
  await eventually(
    fixture.store,
    async () => !(await exists(fixture, "small")) && !(await exists(fixture, "unused")),
  );
  await fixture.registry.delete(serviceCIDRKind, { name: "large" }, {}, ALICE);
  await untilGiven(fixture, "10.97.0.100", false);
  assert.ok(await exists(fixture, "large"));
  // What holds it back is gone when another range has the address.
  await addRange(fixture, "again", "10.97.0.0/28");
  await eventually(fixture.store, async () => !(await exists(fixture, "large")));
});

test("a single-stack range may get its second family", async (t) => {
  const fixture = await startRegistry(t, { serviceCidrs: ["10.96.0.0/24", "fd00::/112"] });
  await addRange(fixture, "more", "10.97.0.0/28");
  await fixture.registry.patch(
    serviceCIDRKind,
    { name: "more" },
    { type: "merge", patch: { spec: { cidrs: ["10.97.0.0/28", "fd00:1::/112"] } } },
    {},
    ALICE,
  );
  const spec: ServiceSpec = { ipFamilies: ["IPv6"], clusterIP: "fd00:1::7" };
  await untilAnswered(fixture, spec, true);
});

test("a restart with another range gives out of that one", async (t) => {
  const first = await startRegistry(t);
  await create(first, "web", { clusterIP: "10.96.0.7" });
  const again = await startRegistry(t, { store: first.store, serviceCidrs: ["10.99.0.0/24"] });
  assert.match((await create(again, "next")).spec!.clusterIP!, /^10\.99\.0\./);
  await eventually(again.store, async () => (await reasons(again)).length > 0);
  assert.deepEqual(await reasons(again), [
    "web ClusterIPOutOfRange: Cluster IP [IPv4]: 10.96.0.7 is not within any configured Service CIDR; please recreate service",
  ]);
});

test("two servers on one store never give an address or a node port twice", async (t) => {
  const [one, other] = await two(t);
  const made = await Promise.all(
    Array.from({ length: 10 }, async (_, i) =>
      create(i % 2 === 0 ? one : other, `s${i}`, { type: "NodePort" }),
    ),
  );
  assert.equal(new Set(made.map(({ spec }) => spec!.clusterIP)).size, 10);
  assert.equal(new Set(made.map(({ spec }) => spec!.ports![0]!.nodePort)).size, 10);
  assert.match(
    await refusal(create(one, "more", { type: "NodePort" })),
    /failed to allocate a nodePort: range is full/,
  );
});

test("of two servers asked for one address at the same moment, one has it", async (t) => {
  const [one, other] = await two(t);
  const asked = { type: "NodePort" as const, clusterIP: "10.96.0.5", ports: [{ port: 80, nodePort: 30001 }] };
  const answers = await Promise.all([
    refusal(create(one, "a", asked)),
    refusal(create(other, "b", asked)),
    refusal(create(other, "c", { ...asked, clusterIP: "10.96.0.6" })),
  ]);
  assert.equal(answers.filter((answer) => answer.startsWith("no refusal")).length, 1, answers.join("\n"));
  for (const answer of answers)
    assert.match(answer, /^no refusal|provided IP is already allocated$|provided port is already allocated$/);
});

test("what one server gives back the other one gives out", async (t) => {
  const [one, other] = await two(t, { ...CONFLICTS, serviceCidrs: ["10.96.0.0/30"] });
  await create(one, "a");
  await create(other, "b");
  await remove(other, "a");
  const { ledger } = one.ranges.addresses.get("IPv4")!;
  const known = (): string => [...ledger.keys()].map((address) => ledger.holder(address)).join();
  while (known() !== "services/default/b") await new Promise(setImmediate);
  assert.match((await create(one, "c")).spec!.clusterIP!, /^10\.96\.0\.[12]$/);
  assert.equal((await addresses(one)).length, 2);
});

test("at a start, Services of a store without records get them, and records without a Service go", async (t) => {
  const store = createMemoryStore({ retention: { intervalMs: 0 } });
  const ports = [{ port: 80, protocol: "TCP" as const, targetPort: 80, nodePort: 30003 }];
  await smuggle(store, stored("web", "10.96.0.7", { type: "NodePort", ports }), "service");
  const leaked = {
    metadata: {
      name: "10.96.0.8",
      labels: {
        "ipaddress.kubernetes.io/ip-family": "IPv4",
        "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
      },
    },
    spec: { parentRef: { resource: "services", namespace: "default", name: "gone" } },
  };
  await smuggle(store, leaked, "address");
  await store.commit([
    {
      type: "put",
      key: "/registry/ranges/servicenodeports/30004",
      value: Buffer.from("services/default/gone"),
    },
  ]);
  const fixture = await startRegistry(t, { ...CONFLICTS, store });
  assert.deepEqual(await addresses(fixture), ["10.96.0.7 services/default/web"]);
  assert.deepEqual([...fixture.ranges.nodePorts.ledger.keys()], [30003]);
  assert.deepEqual((await reasons(fixture)).sort(), [
    "10.96.0.8 IPAddressNotAllocated: IPAddress: 10.96.0.8 for Service default/gone appears to have leaked: cleaning up",
    "web ClusterIPNotAllocated: Cluster IP [IPv4]: 10.96.0.7 is not allocated; repairing",
    "web PortNotAllocated: Port 30003 is not allocated; repairing",
  ]);
});

test("while it runs: a deleted record comes back, a false one goes, and two Services with one address are told", async (t) => {
  const fixture = await startRegistry(t, CONFLICTS);
  await create(fixture, "web", { clusterIP: "10.96.0.7" });
  await fixture.registry.delete(ipAddressKind, { name: "10.96.0.7" }, {}, ALICE);
  await eventually(fixture.store, async () => (await addresses(fixture)).length === 1);
  assert.deepEqual(await addresses(fixture), ["10.96.0.7 services/default/web"]);

  const record = await fixture.registry.get(ipAddressKind, { name: "10.96.0.7" });
  await fixture.registry.create(
    ipAddressKind,
    undefined,
    { metadata: { name: "10.96.0.8", labels: record.metadata.labels! }, spec: record.spec! },
    {},
    ALICE,
  );
  await eventually(fixture.store, async () => (await addresses(fixture)).length === 1);

  await smuggle(fixture.store, stored("twin", "10.96.0.7"), "service");
  const said =
    "twin ClusterIPAlreadyAllocated: Cluster IP [IPv4]:10.96.0.7 was assigned to multiple services; please recreate service";
  await eventually(fixture.store, async () => (await reasons(fixture)).includes(said));
  // Deleting the intruder takes nothing from the owner.
  await remove(fixture, "twin");
  assert.deepEqual(await addresses(fixture), ["10.96.0.7 services/default/web"]);
});
