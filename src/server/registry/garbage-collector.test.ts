/**
 * What the collector does, under the names of upstream's conformance tests where there is one
 * (test/e2e/apimachinery/garbage_collector.go), with pods as objects only.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { configMapKind } from "../../api/configmap/kind.ts";
import { apiVersionOf, type Kind } from "../../api/kind.ts";
import type { DeleteOptions, KubeObject, OwnerReference } from "../../api/meta/type.ts";
import { namespaceKind } from "../../api/namespace/kind.ts";
import { nodeKind } from "../../api/node/kind.ts";
import { podKind } from "../../api/pod/kind.ts";
import type { Pod } from "../../api/pod/type.ts";
import { replicationControllerKind } from "../../api/replicationcontroller/kind.ts";
import type { ReplicationController } from "../../api/replicationcontroller/type.ts";
import { serviceKind } from "../../api/service/kind.ts";
import { createMemoryStore } from "../../store/memory/memory-store.ts";
import type { Store } from "../../store/store.ts";
import { ALICE, eventually, type Fixture, refusal, service, startRegistry } from "./registry-fixture.ts";

function reference(
  kind: Kind,
  { metadata: { name, uid } }: KubeObject,
  more: Partial<OwnerReference> = {},
): OwnerReference {
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, name: name!, uid: uid!, ...more };
}

async function makePod({ registry }: Fixture, name: string, ...owners: OwnerReference[]): Promise<Pod> {
  const object: Pod = {
    metadata: { name, ...(owners.length > 0 && { ownerReferences: owners }) },
    spec: { containers: [{ name: "c", image: "i" }] },
  };
  return registry.create(podKind, "default", object, {}, ALICE);
}

async function makeController({ registry }: Fixture, name: string): Promise<ReplicationController> {
  const template = {
    metadata: { labels: { app: name } },
    spec: { containers: [{ name: "c", image: "i" }] },
  };
  const object: ReplicationController = {
    metadata: { name },
    spec: { replicas: 2, selector: { app: name }, template },
  };
  return registry.create(replicationControllerKind, "default", object, {}, ALICE);
}

/** A controller with pods of its own. */
async function makeFamily(fixture: Fixture, name: string, pods = 3): Promise<ReplicationController> {
  const controller = await makeController(fixture, name);
  const owner = reference(replicationControllerKind, controller, {
    controller: true,
    blockOwnerDeletion: true,
  });
  for (let i = 0; i < pods; i++) await makePod(fixture, `${name}-${i}`, owner);
  return controller;
}

async function names<T extends KubeObject>({ registry }: Fixture, kind: Kind<T>): Promise<string> {
  const { items } = await registry.list(kind, { namespace: "default" });
  return items.map(({ metadata }) => metadata.name).join();
}

async function remove<T extends KubeObject>(
  { registry }: Fixture,
  kind: Kind<T>,
  name: string,
  options: DeleteOptions = {},
): Promise<T> {
  return registry.delete(kind, { namespace: "default", name }, options, ALICE);
}

/** Waits until these are all the pods. */
async function untilPods(fixture: Fixture, expected: string): Promise<void> {
  await eventually(fixture.store, async () => (await names(fixture, podKind)) === expected);
}

/** Waits until the collector has done all that it could. */
async function settled({ registry }: Fixture): Promise<void> {
  const before = await registry.list(podKind, {});
  for (let i = 0; i < 50; i++) await new Promise(setImmediate);
  const after = await registry.list(podKind, {});
  assert.deepEqual(
    after.items.map(({ metadata }) => metadata.name),
    before.items.map(({ metadata }) => metadata.name),
  );
}

test("should delete pods created by rc when not orphaning", async (t) => {
  const fixture = await startRegistry(t);
  await makeFamily(fixture, "rc");
  await remove(fixture, replicationControllerKind, "rc", { propagationPolicy: "Background" });
  await untilPods(fixture, "");
});

test("should orphan pods created by rc if delete options say so", async (t) => {
  const fixture = await startRegistry(t);
  await makeFamily(fixture, "rc");
  await remove(fixture, replicationControllerKind, "rc", { orphanDependents: true });
  await eventually(fixture.store, async () => (await names(fixture, replicationControllerKind)) === "");
  await settled(fixture);
  const { items } = await fixture.registry.list(podKind, {});
  assert.equal(items.length, 3);
  assert.ok(items.every(({ metadata }) => metadata.ownerReferences === undefined));
});

test("should orphan pods created by rc if deleteOptions.OrphanDependents is nil", async (t) => {
  const fixture = await startRegistry(t);
  await makeFamily(fixture, "rc");
  await remove(fixture, replicationControllerKind, "rc");
  await eventually(fixture.store, async () => (await names(fixture, replicationControllerKind)) === "");
  await settled(fixture);
  assert.equal(await names(fixture, podKind), "rc-0,rc-1,rc-2");
});

test("should keep the rc around until all its pods are deleted if the deleteOptions says so", async (t) => {
  const fixture = await startRegistry(t);
  const controller = await makeFamily(fixture, "rc", 1);
  const owner = reference(replicationControllerKind, controller, { blockOwnerDeletion: true });
  const held = await makePod(fixture, "held", owner);
  const finalizers = (list: string[]): Promise<unknown> =>
    fixture.registry.patch(
      podKind,
      { namespace: "default", name: held.metadata.name! },
      { type: "merge", patch: { metadata: { finalizers: list } } },
      {},
      ALICE,
    );
  await finalizers(["example.com/held"]);
  const going = await remove(fixture, replicationControllerKind, "rc", { propagationPolicy: "Foreground" });
  assert.deepEqual(going.metadata.finalizers, ["foregroundDeletion"]);
  await untilPods(fixture, "held");
  await settled(fixture);
  assert.equal(await names(fixture, replicationControllerKind), "rc");
  await finalizers([]);
  await eventually(fixture.store, async () => (await names(fixture, replicationControllerKind)) === "");
  assert.equal(await names(fixture, podKind), "");
});

test("should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted", async (t) => {
  const fixture = await startRegistry(t);
  const first = await makeFamily(fixture, "first", 1);
  const second = await makeController(fixture, "second");
  await makePod(
    fixture,
    "both",
    reference(replicationControllerKind, first, { blockOwnerDeletion: true }),
    reference(replicationControllerKind, second),
  );
  await remove(fixture, replicationControllerKind, "first", { propagationPolicy: "Foreground" });
  await eventually(fixture.store, async () => (await names(fixture, replicationControllerKind)) === "second");
  await settled(fixture);
  const { items } = await fixture.registry.list(podKind, {});
  assert.deepEqual(
    items.map(({ metadata }) => [metadata.name, metadata.ownerReferences?.map(({ name }) => name)]),
    [["both", ["second"]]],
  );
});

for (const propagationPolicy of ["Foreground", "Background"] as const)
  test(`should not be blocked by dependency circle (${propagationPolicy})`, async (t) => {
    const fixture = await startRegistry(t);
    const pods = [];
    for (const name of ["a", "b", "c"]) pods.push(await makePod(fixture, name));
    for (const [i, { metadata }] of pods.entries()) {
      const ownerReferences = [
        reference(podKind, pods[(i + 2) % 3]!, { controller: true, blockOwnerDeletion: true }),
      ];
      await fixture.registry.patch(
        podKind,
        { namespace: "default", name: metadata.name! },
        { type: "merge", patch: { metadata: { ownerReferences } } },
        {},
        ALICE,
      );
    }
    await remove(fixture, podKind, "a", { propagationPolicy });
    await untilPods(fixture, "");
  });

test("a dependent whose owner has another uid, or was never there, goes; one with a living owner stays", async (t) => {
  const fixture = await startRegistry(t);
  const rc = await makeController(fixture, "rc");
  const owner = reference(replicationControllerKind, rc);
  await makePod(fixture, "impostor", { ...owner, uid: "00000000-0000-0000-0000-000000000000" });
  await makePod(fixture, "lost", { ...owner, name: "never" });
  await makePod(fixture, "child", owner);
  await makePod(fixture, "half", owner, { ...owner, name: "never", uid: "1" });
  await untilPods(fixture, "child,half");
  // A reference to nobody is taken away from one that stays.
  await eventually(fixture.store, async () => {
    const { metadata } = await fixture.registry.get(podKind, { namespace: "default", name: "half" });
    return metadata.ownerReferences?.length === 1;
  });
});

test("an owner without a namespace owns across namespaces; one with a namespace owns only there", async (t) => {
  const fixture = await startRegistry(t);
  const { registry } = fixture;
  await registry.create(namespaceKind, undefined, { metadata: { name: "shop" } }, {}, ALICE);
  const node = await registry.create(nodeKind, undefined, { metadata: { name: "n1" } }, {}, ALICE);
  const elsewhere = await registry.create(serviceKind, "shop", service("web"), {}, ALICE);
  await makePod(fixture, "of-node", reference(nodeKind, node));
  // The owner is looked for in the dependent's own namespace, and is not there.
  await makePod(fixture, "of-stranger", reference(serviceKind, elsewhere));
  await untilPods(fixture, "of-node");
  // Nothing can be said of an owner in a namespace from outside all of them: it is left alone.
  const metadata = { name: "n2", ownerReferences: [reference(serviceKind, elsewhere)] };
  await registry.create(nodeKind, undefined, { metadata }, {}, ALICE);
  await settled(fixture);
  assert.equal((await registry.get(nodeKind, { name: "n2" })).metadata.name, "n2");
  await registry.delete(nodeKind, { name: "n1" }, {}, ALICE);
  await untilPods(fixture, "");
});

test("an owner of a kind that is not served is taken for living", async (t) => {
  const fixture = await startRegistry(t);
  await makePod(fixture, "a", { apiVersion: "example.com/v1", kind: "Widget", name: "w", uid: "1" });
  await settled(fixture);
  assert.equal(await names(fixture, podKind), "a");
});

test("a chain goes from top to bottom, and foreground from bottom to top", async (t) => {
  const fixture = await startRegistry(t);
  const top = await makePod(fixture, "a");
  const middle = await makePod(fixture, "b", reference(podKind, top, { blockOwnerDeletion: true }));
  await makePod(fixture, "c", reference(podKind, middle, { blockOwnerDeletion: true }));
  using watch = fixture.store.watch("/registry/core/pods/", fixture.store.revision);
  const gone: string[] = [];
  await remove(fixture, podKind, "a", { propagationPolicy: "Foreground" });
  while (gone.length < 3) {
    const { value = [] } = await watch.next();
    for (const event of value) if (event.type === "delete") gone.push(event.previous.key.split("/").at(-1)!);
  }
  assert.deepEqual(gone, ["c", "b", "a"]);
});

test("a later request changes its mind about dependents, and options that exclude each other are both read", async (t) => {
  const fixture = await startRegistry(t);
  const controller = await makeController(fixture, "rc");
  const held = { metadata: { finalizers: ["example.com/held"] } };
  const key = { namespace: "default", name: controller.metadata.name! };
  await fixture.registry.patch(replicationControllerKind, key, { type: "merge", patch: held }, {}, ALICE);
  const finalizers = async (options: DeleteOptions): Promise<string[]> =>
    (await remove(fixture, replicationControllerKind, "rc", { ...options, dryRun: ["All"] })).metadata
      .finalizers ?? [];
  assert.deepEqual(await finalizers({ propagationPolicy: "Foreground" }), [
    "example.com/held",
    "foregroundDeletion",
  ]);
  assert.deepEqual(await finalizers({}), ["example.com/held", "orphan"]);
  await remove(fixture, replicationControllerKind, "rc", { propagationPolicy: "Background" });
  assert.deepEqual(await finalizers({ orphanDependents: true }), ["example.com/held", "orphan"]);
  assert.deepEqual(await finalizers({ orphanDependents: false }), ["example.com/held"]);
});

test("deletecollection carries its propagation to each object", async (t) => {
  const fixture = await startRegistry(t);
  await makeFamily(fixture, "one", 1);
  await makeFamily(fixture, "two", 1);
  await fixture.registry.deleteCollection(
    replicationControllerKind,
    { namespace: "default" },
    { propagationPolicy: "Background" },
    ALICE,
  );
  await untilPods(fixture, "");
});

test("a second delete of an ending pod shortens its wait only if it says so", async (t) => {
  const { registry } = await startRegistry(t);
  const spec = { containers: [{ name: "c", image: "i" }], nodeName: "n1", terminationGracePeriodSeconds: 20 };
  await registry.create(podKind, "default", { metadata: { name: "p" }, spec }, {}, ALICE);
  const key = { namespace: "default", name: "p" };
  const grace = async (options: DeleteOptions): Promise<unknown[]> => {
    const { metadata } = await registry.delete(podKind, key, options, ALICE);
    return [metadata.deletionGracePeriodSeconds, metadata.deletionTimestamp];
  };
  assert.deepEqual(await grace({ gracePeriodSeconds: 60 }), [60, "2026-01-02T03:05:05Z"]);
  assert.deepEqual(await grace({}), [60, "2026-01-02T03:05:05Z"]);
  assert.deepEqual(await grace({ gracePeriodSeconds: 90 }), [60, "2026-01-02T03:05:05Z"]);
  assert.deepEqual(await grace({ gracePeriodSeconds: -7 }), [1, "2026-01-02T03:04:06Z"]);
  await registry.delete(podKind, key, { gracePeriodSeconds: 0 }, ALICE);
  assert.match(await refusal(registry.get(podKind, key)), /^404/);
});

test("what fails is tried again", async (t) => {
  const store = createMemoryStore({ retention: { intervalMs: 0 } });
  let failures = 0;
  /** The store, which refuses the first deletions of the dependent. */
  const failing: Store = new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      const bound = value.bind(target) as (...args: unknown[]) => unknown;
      if (name !== "commit") return bound;
      return async (operations: Parameters<Store["commit"]>[0]) => {
        const deletes = operations.some(({ type, key }) => type === "delete" && key.endsWith("/child"));
        if (deletes && failures++ < 3) throw new Error("the disk is on fire");
        return store.commit(operations);
      };
    },
  });
  const fixture = await startRegistry(t, { store: failing });
  const config = await fixture.registry.create(
    configMapKind,
    "default",
    { metadata: { name: "owner" } },
    {},
    ALICE,
  );
  await makePod(fixture, "child", reference(configMapKind, config));
  await remove(fixture, configMapKind, "owner");
  await untilPods(fixture, "");
  assert.equal(failures, 4);
});
