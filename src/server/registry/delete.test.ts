import assert from "node:assert/strict";
import { test } from "node:test";
import { endpointSliceKind } from "../../api/endpointslice/kind.ts";
import type { EndpointSlice } from "../../api/endpointslice/type.ts";
import { endpointsKind } from "../../api/endpoints/kind.ts";
import type { Kind } from "../../api/kind.ts";
import type { KubeObject, OwnerReference } from "../../api/meta/type.ts";
import { namespaceKind } from "../../api/namespace/kind.ts";
import { podKind } from "../../api/pod/kind.ts";
import type { Pod } from "../../api/pod/type.ts";
import { serviceKind } from "../../api/service/kind.ts";
import { ALICE, eventually, type Fixture, refusal, service, startRegistry } from "./registry-fixture.ts";

const WEB = { namespace: "default", name: "web" };

function pod(name: string, nodeName?: string): Pod {
  return {
    metadata: { name },
    spec: { containers: [{ name: "c", image: "i" }], ...(nodeName !== undefined && { nodeName }) },
  };
}

function slice(name: string, owners: readonly OwnerReference[]): EndpointSlice {
  return { metadata: { name, ownerReferences: [...owners] }, addressType: "IPv4", endpoints: [] };
}

function owner(object: KubeObject): OwnerReference {
  return { apiVersion: "v1", kind: "Service", name: object.metadata.name!, uid: object.metadata.uid! };
}

async function exists<T extends KubeObject>(
  { registry }: Fixture,
  kind: Kind<T>,
  name: string,
): Promise<boolean> {
  const { items } = await registry.list(kind, { fieldSelector: `metadata.name=${name}` });
  return items.length > 0;
}

test("preconditions must hold", async (t) => {
  const { registry } = await startRegistry(t);
  const web = await registry.create(serviceKind, "default", service("web"), {}, ALICE);
  const { uid } = web.metadata;
  assert.equal(
    await refusal(registry.delete(serviceKind, WEB, { preconditions: { uid: "other" } }, ALICE)),
    `409 Conflict: Operation cannot be fulfilled on services "web": the UID in the precondition (other) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
  );
  assert.match(
    await refusal(registry.delete(serviceKind, WEB, { preconditions: { resourceVersion: "1" } }, ALICE)),
    /^409 Conflict: .*: the ResourceVersion in the precondition \(1\) does not match the ResourceVersion in record \(\d+\)\. The object might have been modified$/,
  );
  await registry.delete(serviceKind, WEB, { preconditions: { uid: uid! } }, ALICE);
  assert.equal(
    await refusal(registry.delete(serviceKind, WEB, {}, ALICE)),
    '404 NotFound: services "web" not found',
  );
});

test("a bound pod stays for its grace period until its runtime deletes it for good; an unbound one goes at once", async (t) => {
  const { registry } = await startRegistry(t);
  await registry.create(podKind, "default", pod("free"), {}, ALICE);
  await registry.create(podKind, "default", pod("bound", "n1"), {}, ALICE);
  const bound = { namespace: "default", name: "bound" };
  await registry.delete(podKind, { namespace: "default", name: "free" }, {}, ALICE);
  assert.match(await refusal(registry.get(podKind, { namespace: "default", name: "free" })), /^404/);
  const first = await registry.delete(podKind, bound, {}, ALICE);
  assert.equal(first.metadata.deletionTimestamp, "2026-01-02T03:04:35Z");
  assert.equal(first.metadata.deletionGracePeriodSeconds, 30);
  const longer = await registry.delete(podKind, bound, { gracePeriodSeconds: 60 }, ALICE);
  assert.equal(longer.metadata.resourceVersion, first.metadata.resourceVersion);
  const shorter = await registry.delete(podKind, bound, { gracePeriodSeconds: 5 }, ALICE);
  assert.equal(shorter.metadata.deletionGracePeriodSeconds, 5);
  await registry.delete(podKind, bound, { gracePeriodSeconds: 0 }, ALICE);
  assert.match(await refusal(registry.get(podKind, bound)), /^404/);
});

test("finalizers keep an object until the last is taken away; then it and what it holds go", async (t) => {
  const { registry, ranges } = await startRegistry(t);
  const held = service("web");
  held.metadata.finalizers = ["example.com/held"];
  await registry.create(serviceKind, "default", held, {}, ALICE);
  const going = await registry.delete(serviceKind, WEB, {}, ALICE);
  assert.equal(going.metadata.deletionTimestamp, "2026-01-02T03:04:05Z");
  const { ledger } = ranges.addresses.get("IPv4")!;
  assert.equal(ledger.size, 1);
  assert.match(
    await refusal(
      registry.patch(
        serviceKind,
        WEB,
        { type: "merge", patch: { metadata: { finalizers: ["example.com/held", "example.com/new"] } } },
        {},
        ALICE,
      ),
    ),
    /^422 Invalid: .*metadata\.finalizers: Forbidden: no new finalizers can be added if the object is being deleted/,
  );
  await registry.patch(
    serviceKind,
    WEB,
    { type: "merge", patch: { metadata: { finalizers: null } } },
    {},
    ALICE,
  );
  assert.match(await refusal(registry.get(serviceKind, WEB)), /^404/);
  assert.equal(ledger.size, 0);
});

test("a Service takes its Endpoints along at once, and its slices soon after", async (t) => {
  const fixture = await startRegistry(t);
  const { registry, store } = fixture;
  const web = await registry.create(serviceKind, "default", service("web"), {}, ALICE);
  const other = await registry.create(serviceKind, "default", service("other"), {}, ALICE);
  await registry.create(endpointsKind, "default", { metadata: { name: "web" } }, {}, ALICE);
  await registry.create(endpointSliceKind, "default", slice("one", [owner(web)]), {}, ALICE);
  await registry.create(endpointSliceKind, "default", slice("both", [owner(web), owner(other)]), {}, ALICE);
  await registry.delete(serviceKind, WEB, {}, ALICE);
  assert.equal(await exists(fixture, endpointsKind, "web"), false);
  await eventually(store, async () => !(await exists(fixture, endpointSliceKind, "one")));
  assert.equal(await exists(fixture, endpointSliceKind, "both"), true);
  await registry.delete(serviceKind, { namespace: "default", name: "other" }, {}, ALICE);
  await eventually(store, async () => !(await exists(fixture, endpointSliceKind, "both")));
});

test("a dependent made after its owner went, or left from before a restart, is collected", async (t) => {
  const fixture = await startRegistry(t);
  const { registry, store } = fixture;
  const gone: OwnerReference = { apiVersion: "v1", kind: "Service", name: "gone", uid: "u" };
  const foreign: OwnerReference = { apiVersion: "example.com/v1", kind: "Thing", name: "x", uid: "u" };
  await registry.create(endpointSliceKind, "default", slice("kept", [foreign]), {}, ALICE);
  await registry.create(endpointSliceKind, "default", slice("late", [gone]), {}, ALICE);
  await eventually(store, async () => !(await exists(fixture, endpointSliceKind, "late")));
  assert.equal(
    await exists(fixture, endpointSliceKind, "kept"),
    true,
    "an unknown kind of owner may exist elsewhere",
  );
});

test("orphan lets dependents stay; foreground makes them go first", async (t) => {
  const fixture = await startRegistry(t);
  const { registry, store } = fixture;
  const a = await registry.create(serviceKind, "default", service("a"), {}, ALICE);
  await registry.create(endpointSliceKind, "default", slice("a-1", [owner(a)]), {}, ALICE);
  await registry.delete(
    serviceKind,
    { namespace: "default", name: "a" },
    { propagationPolicy: "Orphan" },
    ALICE,
  );
  await eventually(store, async () => !(await exists(fixture, serviceKind, "a")));
  const { metadata } = await registry.get(endpointSliceKind, { namespace: "default", name: "a-1" });
  assert.equal(metadata.ownerReferences, undefined);

  const b = await registry.create(serviceKind, "default", service("b"), {}, ALICE);
  const held = slice("b-1", [{ ...owner(b), blockOwnerDeletion: true }]);
  held.metadata.finalizers = ["example.com/held"];
  await registry.create(endpointSliceKind, "default", held, {}, ALICE);
  const key = { namespace: "default", name: "b-1" };
  await registry.delete(
    serviceKind,
    { namespace: "default", name: "b" },
    { propagationPolicy: "Foreground" },
    ALICE,
  );
  await eventually(
    store,
    async () => (await registry.get(endpointSliceKind, key)).metadata.deletionTimestamp !== undefined,
  );
  assert.equal(await exists(fixture, serviceKind, "b"), true);
  await registry.patch(
    endpointSliceKind,
    key,
    { type: "merge", patch: { metadata: { finalizers: null } } },
    {},
    ALICE,
  );
  await eventually(store, async () => !(await exists(fixture, serviceKind, "b")));
});

test("a namespace empties before it goes, and takes nothing new meanwhile", async (t) => {
  const fixture = await startRegistry(t);
  const { registry, store, ranges } = fixture;
  await registry.create(namespaceKind, undefined, { metadata: { name: "shop" } }, {}, ALICE);
  await registry.create(serviceKind, "shop", service("web"), {}, ALICE);
  await registry.create(podKind, "shop", pod("bound", "n1"), {}, ALICE);
  const going = await registry.delete(namespaceKind, { name: "shop" }, {}, ALICE);
  assert.equal(going.status?.phase, "Terminating");
  assert.equal(
    await refusal(registry.create(serviceKind, "shop", service("late"), {}, ALICE)),
    '403 Forbidden: services "late" is forbidden: unable to create new content in namespace shop because it is being terminated',
  );
  const conditions = async (): Promise<string[]> => {
    const { status } = await registry.get(namespaceKind, { name: "shop" });
    return (status?.conditions ?? []).map(({ type, status: is, reason, message }) =>
      [type, is, reason, message].join(" | "),
    );
  };
  await eventually(store, async () => (await conditions()).length > 0);
  // What serves the pods stays until they have ended.
  assert.deepEqual(await conditions(), [
    "NamespaceDeletionDiscoveryFailure | False | ResourcesDiscovered | All resources successfully discovered",
    "NamespaceDeletionGroupVersionParsingFailure | False | ParsedGroupVersions | All legacy kube types successfully parsed",
    "NamespaceDeletionContentFailure | False | ContentDeleted | All content successfully deleted, may be waiting on finalization",
    "NamespaceContentRemaining | True | SomeResourcesRemain | Some resources are remaining: pods. has 1 resource instances",
    "NamespaceFinalizersRemaining | False | ContentRemoved | All content successfully removed",
  ]);
  assert.equal(await exists(fixture, serviceKind, "web"), true);
  const { metadata } = await registry.get(podKind, { namespace: "shop", name: "bound" });
  assert.notEqual(metadata.deletionTimestamp, undefined);
  await registry.delete(podKind, { namespace: "shop", name: "bound" }, { gracePeriodSeconds: 0 }, ALICE);
  await eventually(store, async () => !(await exists(fixture, namespaceKind, "shop")));
  assert.equal(ranges.addresses.get("IPv4")!.ledger.size, 0);
});

test("a namespace says which finalizers keep it, and goes when the last one is taken away", async (t) => {
  const fixture = await startRegistry(t);
  const { registry, store } = fixture;
  await registry.create(namespaceKind, undefined, { metadata: { name: "shop" } }, {}, ALICE);
  const held = service("web");
  held.metadata.finalizers = ["example.com/a", "example.com/b"];
  await registry.create(serviceKind, "shop", held, {}, ALICE);
  await registry.delete(namespaceKind, { name: "shop" }, {}, ALICE);
  const said = async (): Promise<(string | undefined)[]> => {
    const { status } = await registry.get(namespaceKind, { name: "shop" });
    return (status?.conditions ?? []).filter((one) => one.status === "True").map(({ message }) => message);
  };
  await eventually(store, async () => (await said()).length === 2);
  assert.deepEqual(await said(), [
    "Some resources are remaining: services. has 1 resource instances",
    "Some finalizers are remaining: example.com/a in 1 resource instances, example.com/b in 1 resource instances",
  ]);
  const key = { namespace: "shop", name: "web" };
  const only = async (...finalizers: string[]): Promise<void> => {
    const patch = { metadata: { finalizers } };
    await registry.patch(serviceKind, key, { type: "merge", patch }, {}, ALICE);
  };
  await only("example.com/b");
  await eventually(store, async () => (await said())[1]?.includes("example.com/a") === false);
  await only();
  await eventually(store, async () => !(await exists(fixture, namespaceKind, "shop")));
});

test("creates that race with a namespace's end leave nothing behind", async (t) => {
  const fixture = await startRegistry(t);
  const { registry, store } = fixture;
  await registry.create(namespaceKind, undefined, { metadata: { name: "shop" } }, {}, ALICE);
  await Promise.all([
    ...Array.from({ length: 20 }, async (_, i) =>
      refusal(registry.create(serviceKind, "shop", service(`a${i}`), {}, ALICE)),
    ),
    registry.delete(namespaceKind, { name: "shop" }, {}, ALICE),
    ...Array.from({ length: 20 }, async (_, i) =>
      refusal(registry.create(serviceKind, "shop", service(`b${i}`), {}, ALICE)),
    ),
  ]);
  await eventually(store, async () => !(await exists(fixture, namespaceKind, "shop")));
  assert.deepEqual((await registry.list(serviceKind, { namespace: "shop" })).items, []);
});

test("the first namespaces cannot be deleted", async (t) => {
  const { registry } = await startRegistry(t);
  assert.equal(
    await refusal(registry.delete(namespaceKind, { name: "default" }, {}, ALICE)),
    '403 Forbidden: namespaces "default" is forbidden: this namespace may not be deleted',
  );
});

test("deletecollection deletes what the selector chooses", async (t) => {
  const { registry } = await startRegistry(t);
  for (const name of ["a", "b", "c"]) {
    const object = service(name);
    if (name !== "b") object.metadata.labels = { go: "yes" };
    await registry.create(serviceKind, "default", object, {}, ALICE);
  }
  const deleted = await registry.deleteCollection(
    serviceKind,
    { namespace: "default", labelSelector: "go=yes" },
    {},
    ALICE,
  );
  assert.deepEqual(
    deleted.map(({ metadata }) => metadata.name),
    ["a", "c"],
  );
  assert.deepEqual(
    (await registry.list(serviceKind, {})).items.map(({ metadata }) => metadata.name),
    ["b"],
  );
});
