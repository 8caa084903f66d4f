import assert from "node:assert/strict";
import { test } from "node:test";
import { endpointSliceKind } from "../../api/endpointslice/kind.ts";
import { endpointsKind } from "../../api/endpoints/kind.ts";
import { leaseKind } from "../../api/lease/kind.ts";
import type { Lease } from "../../api/lease/type.ts";
import { namespaceKind } from "../../api/namespace/kind.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service } from "../../api/service/type.ts";
import { ConflictError } from "../../store/store.ts";
import { ALICE, refusal, service, startRegistry } from "./registry-fixture.ts";
import { draftOf } from "./stored-object.ts";

const WEB = { namespace: "default", name: "web" };

test("create fills in what the server decides, and what is stored is what was answered", async (t) => {
  const { registry, store } = await startRegistry(t);
  const created = await registry.create(serviceKind, "default", service("web"), {}, ALICE);
  const { metadata } = created;
  assert.match(metadata.uid!, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(metadata.creationTimestamp, "2026-01-02T03:04:05Z");
  assert.equal(metadata.namespace, "default");
  assert.equal(metadata.resourceVersion, String(store.revision));
  assert.deepEqual(await registry.get(serviceKind, WEB), created);
  const again = await registry.get(serviceKind, WEB);
  assert.equal(await registry.get(serviceKind, WEB), again, "one parsed object for all readers");
});

test("a create that may take the object over makes it anew when somebody else took its address first", async (t) => {
  const { registry, store } = await startRegistry(t);
  const commit = store.commit.bind(store);
  let refusals = 2;
  store.commit = async (operations) => {
    const address = operations.find(({ key }) => key.includes("/ipaddresses/"));
    if (address !== undefined && refusals-- > 0) throw new ConflictError(address.key, 0, undefined);
    return commit(operations);
  };
  const made: Service[] = [];
  const remake = (): Service => {
    // In canonical form, as a body is when it has been read.
    const fresh = draftOf(serviceKind, service("web", { type: "NodePort" }));
    made.push(fresh);
    return fresh;
  };
  const created = await registry.create(serviceKind, "default", remake(), { remake }, ALICE);
  assert.equal(made.length, 3);
  const kept = await registry.create(
    serviceKind,
    "default",
    service("kept", { type: "NodePort" }),
    {},
    ALICE,
  );
  // Both ways end in the same: nothing of a refused attempt is left in what is stored.
  const shape = ({ metadata: { managedFields }, spec }: Service): unknown => [
    managedFields,
    Object.keys(spec!),
    spec!.ports!.map((port) => Object.keys(port)),
  ];
  const named = JSON.stringify(shape(created)).replaceAll("web", "kept");
  assert.equal(named, JSON.stringify(shape(kept)));
  assert.deepEqual(await registry.get(serviceKind, { namespace: "default", name: "web" }), created);
});

test("create refuses in Kubernetes' words", async (t) => {
  const { registry } = await startRegistry(t);
  await registry.create(serviceKind, "default", service("web"), {}, ALICE);
  const create = async (namespace: string | undefined, object = service("web")): Promise<string> =>
    refusal(registry.create(serviceKind, namespace, object, {}, ALICE));
  assert.equal(await create("default"), '409 AlreadyExists: services "web" already exists');
  assert.equal(await create("nowhere"), '404 NotFound: namespaces "nowhere" not found');
  assert.equal(
    await create("default", { metadata: { name: "x", namespace: "other" } }),
    "400 BadRequest: the namespace of the provided object does not match the namespace sent on the request",
  );
  assert.match(
    await create("default", { ...service("x"), metadata: {} }),
    /^422 Invalid: Service "" is invalid: .*metadata.name: Required value: name or generateName is required/,
  );
  assert.match(
    await create("default", { ...service("x"), metadata: { name: "x", resourceVersion: "7" } }),
    /resourceVersion should not be set on objects to be created$/,
  );
});

test("generateName makes names until one is free", async (t) => {
  const { registry } = await startRegistry(t);
  const names = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const { metadata } = await registry.create(
        endpointsKind,
        "default",
        { metadata: { generateName: "web-" } },
        {},
        ALICE,
      );
      return metadata.name!;
    }),
  );
  assert.equal(new Set(names).size, 20);
  for (const name of names) assert.match(name, /^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
});

test("an update with an old version conflicts; one without a version wins", async (t) => {
  const { registry } = await startRegistry(t);
  const first = await registry.create(serviceKind, "default", service("web"), {}, ALICE);
  const changed = structuredClone(first);
  changed.spec!.selector = { app: "other" };
  const { object: second } = await registry.update(serviceKind, WEB, changed, {}, ALICE);
  assert.deepEqual(second.spec!.selector, { app: "other" });
  assert.equal(
    await refusal(
      registry.update(serviceKind, WEB, { ...changed, spec: { ...changed.spec, selector: {} } }, {}, ALICE),
    ),
    '409 Conflict: Operation cannot be fulfilled on services "web": the object has been modified; please apply your changes to the latest version and try again',
  );
  const unversioned = service("web", { selector: { app: "third" } });
  const { object: third, created } = await registry.update(serviceKind, WEB, unversioned, {}, ALICE);
  assert.equal(created, false);
  assert.deepEqual(third.spec!.selector, { app: "third" });
  assert.equal(third.metadata.uid, first.metadata.uid);
  assert.equal(third.metadata.creationTimestamp, first.metadata.creationTimestamp);
  assert.equal(third.spec!.clusterIP, first.spec!.clusterIP, "what was allocated stays");
});

test("an update that changes nothing writes nothing, in whatever order its fields are", async (t) => {
  const { registry, store } = await startRegistry(t);
  const first = await registry.create(serviceKind, "default", service("web"), {}, ALICE);
  const before = store.revision;
  const turned = {
    spec: Object.fromEntries(Object.entries(first.spec!).reverse()),
    metadata: first.metadata,
  };
  const { object } = await registry.update(serviceKind, WEB, turned, {}, ALICE);
  assert.equal(object.metadata.resourceVersion, first.metadata.resourceVersion);
  await registry.patch(serviceKind, WEB, { type: "merge", patch: { metadata: { labels: null } } }, {}, ALICE);
  assert.equal(store.revision, before);
});

test("put creates where Kubernetes allows it, and only there", async (t) => {
  const { registry } = await startRegistry(t);
  const { created } = await registry.update(serviceKind, WEB, service("web"), {}, ALICE);
  assert.equal(created, true);
  const slice = { metadata: { name: "s" }, addressType: "IPv4" as const, endpoints: [] };
  assert.equal(
    await refusal(registry.update(endpointSliceKind, { namespace: "default", name: "s" }, slice, {}, ALICE)),
    '404 NotFound: endpointslices.discovery.k8s.io "s" not found',
  );
  assert.match(
    await refusal(registry.update(serviceKind, WEB, service("other"), {}, ALICE)),
    /^400 BadRequest: the name of the object \(other\) does not match the name on the URL \(web\)$/,
  );
});

test("patches that run into each other are tried again: none is lost", async (t) => {
  const { registry } = await startRegistry(t);
  await registry.create(serviceKind, "default", service("web"), {}, ALICE);
  await Promise.all(
    Array.from({ length: 30 }, async (_, i) =>
      registry.patch(
        serviceKind,
        WEB,
        { type: "merge", patch: { metadata: { labels: { [`l${i}`]: "x" } } } },
        {},
        ALICE,
      ),
    ),
  );
  const { metadata } = await registry.get(serviceKind, WEB);
  assert.equal(Object.keys(metadata.labels!).length, 30);
});

test("a status write changes status and metadata only; a main write leaves status alone", async (t) => {
  const { registry } = await startRegistry(t);
  await registry.create(serviceKind, "default", service("web"), {}, ALICE);
  const ingress = [{ ip: "192.0.2.1" }];
  await registry.patch(
    serviceKind,
    WEB,
    { type: "merge", patch: { spec: { type: "LoadBalancer" } } },
    {},
    ALICE,
  );
  const patch = { spec: { selector: { app: "no" } }, status: { loadBalancer: { ingress } } };
  const { object: afterStatus } = await registry.patch(
    serviceKind,
    WEB,
    { type: "merge", patch },
    { subresource: "status" },
    ALICE,
  );
  assert.equal(afterStatus.status!.loadBalancer!.ingress![0]!.ip, "192.0.2.1");
  assert.deepEqual(afterStatus.spec!.selector, { app: "web" });
  const { object: main } = await registry.patch(
    serviceKind,
    WEB,
    {
      type: "merge",
      patch: { status: { loadBalancer: { ingress: [{ ip: "192.0.2.9" }] } }, spec: { selector: { a: "b" } } },
    },
    {},
    ALICE,
  );
  assert.equal(main.status!.loadBalancer!.ingress![0]!.ip, "192.0.2.1");
});

test("a dry run answers as the real one would, and leaves nothing behind", async (t) => {
  const { registry, store, ranges } = await startRegistry(t);
  const before = store.revision;
  const dry = await registry.create(serviceKind, "default", service("web"), { dryRun: true }, ALICE);
  assert.match(dry.spec!.clusterIP!, /^10\.96\.0\./);
  assert.equal(dry.metadata.resourceVersion, undefined);
  assert.equal(store.revision, before);
  assert.equal(ranges.addresses.get("IPv4")!.ledger.size, 0);
  await registry.create(serviceKind, "default", service("web"), {}, ALICE);
  assert.match(
    await refusal(registry.create(serviceKind, "default", service("web"), { dryRun: true }, ALICE)),
    /^409 AlreadyExists/,
  );
  const { object: patched } = await registry.patch(
    serviceKind,
    WEB,
    { type: "merge", patch: { spec: { type: "NodePort" } } },
    { dryRun: true },
    ALICE,
  );
  assert.ok(patched.spec!.ports![0]!.nodePort! >= 30000);
  assert.equal(ranges.nodePorts.ledger.size, 0);
  assert.equal((await registry.get(serviceKind, WEB)).spec!.ports![0]!.nodePort, undefined);
});

test("the first namespaces are there", async (t) => {
  const { registry } = await startRegistry(t);
  const { items } = await registry.list(namespaceKind, {});
  assert.deepEqual(
    items.map(({ metadata }) => metadata.name),
    ["default", "kube-node-lease", "kube-public", "kube-system"],
  );
});

test("a Lease is replaced only by who says which version is replaced; a PUT may make it, a patch needs no version", async (t) => {
  const { registry } = await startRegistry(t);
  const key = { namespace: "default", name: "leader" };
  const lease: Lease = { metadata: { name: "leader" }, spec: { holderIdentity: "a" } };
  const made = await registry.update(leaseKind, key, lease, {}, ALICE);
  assert.equal(made.created, true);
  assert.equal(
    await refusal(registry.update(leaseKind, key, lease, {}, ALICE)),
    '422 Invalid: leases.coordination.k8s.io "leader" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
  );
  const merge = { type: "merge", patch: { spec: { holderIdentity: "b" } } } as const;
  const { object } = await registry.patch(leaseKind, key, merge, {}, ALICE);
  assert.equal(object.spec?.holderIdentity, "b");
  await registry.update(leaseKind, key, { ...object, spec: { holderIdentity: "c" } }, {}, ALICE);
  assert.match(await refusal(registry.update(leaseKind, key, object, {}, ALICE)), /^409 Conflict: /);
});

test("a uid is a precondition of a replacement, and cannot be patched", async (t) => {
  const { registry } = await startRegistry(t);
  const made = await registry.create(serviceKind, "default", service("web"), {}, ALICE);
  const key = { namespace: "default", name: "web" };
  const uid = "00000000-0000-0000-0000-000000000000";
  assert.equal(
    await refusal(
      registry.update(serviceKind, key, { ...made, metadata: { ...made.metadata, uid } }, {}, ALICE),
    ),
    `409 Conflict: Operation cannot be fulfilled on services "web": Precondition failed: UID in precondition: ${uid}, UID in object meta: ${made.metadata.uid}`,
  );
  const patch = async (value: string | null): Promise<unknown> =>
    registry.patch(serviceKind, key, { type: "merge", patch: { metadata: { uid: value } } }, {}, ALICE);
  assert.equal(
    await refusal(patch(uid)),
    `422 Invalid: Service "web" is invalid: metadata.uid: Invalid value: "${uid}": field is immutable`,
  );
  await patch(null);
  assert.equal((await registry.get(serviceKind, key)).metadata.uid, made.metadata.uid);
});
