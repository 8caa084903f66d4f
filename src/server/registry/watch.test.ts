import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../api/api-error.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service } from "../../api/service/type.ts";
import type { RegistryEvent } from "../registry.ts";
import { ALICE, events, type Fixture, refusal, service, startRegistry } from "./registry-fixture.ts";

async function label({ registry }: Fixture, name: string, labels: object): Promise<Service> {
  const patch = { metadata: { labels } };
  const key = { namespace: "default", name };
  return (await registry.patch(serviceKind, key, { type: "merge", patch }, {}, ALICE)).object;
}

test("without a version a watch begins with what is there", async (t) => {
  const fixture = await startRegistry(t);
  const { registry } = fixture;
  const a = await registry.create(serviceKind, "default", service("a"), {}, ALICE);
  const watch = await registry.watch(serviceKind, {});
  const b = await registry.create(serviceKind, "default", service("b"), {}, ALICE);
  const gone = await registry.delete(serviceKind, { namespace: "default", name: "a" }, {}, ALICE);
  assert.deepEqual(await events(watch, 3), [
    `ADDED a@${a.metadata.resourceVersion}`,
    `ADDED b@${b.metadata.resourceVersion}`,
    `DELETED a@${gone.metadata.resourceVersion}`,
  ]);
  assert.ok(Number(gone.metadata.resourceVersion) > Number(b.metadata.resourceVersion));
  watch.close();
  assert.deepEqual(await watch.next(), { done: true, value: undefined });
});

test("with a version a watch begins right after it, and misses nothing", async (t) => {
  const fixture = await startRegistry(t);
  const { registry } = fixture;
  const a = await registry.create(serviceKind, "default", service("a"), {}, ALICE);
  const b = await registry.create(serviceKind, "default", service("b"), {}, ALICE);
  const watch = await registry.watch(serviceKind, { resourceVersion: a.metadata.resourceVersion! });
  const c = await label(fixture, "a", { x: "1" });
  assert.deepEqual(await events(watch, 2), [
    `ADDED b@${b.metadata.resourceVersion}`,
    `MODIFIED a@${c.metadata.resourceVersion}`,
  ]);
  watch.close();
});

test("an object that enters the selection is added, one that leaves it is deleted as it was", async (t) => {
  const fixture = await startRegistry(t);
  await fixture.registry.create(serviceKind, "default", service("a"), {}, ALICE);
  const watch = await fixture.registry.watch(serviceKind, { labelSelector: "on" });
  const on = await label(fixture, "a", { on: "yes" });
  const changed = await label(fixture, "a", { other: "x" });
  const off = await label(fixture, "a", { on: null });
  await label(fixture, "a", { other: "y" });
  const seen: RegistryEvent<Service>[] = [];
  while (seen.length < 3) seen.push(...((await watch.next()).value ?? []));
  assert.deepEqual(
    seen.map(({ type, object }) => `${type}@${object.metadata.resourceVersion}`),
    [
      `ADDED@${on.metadata.resourceVersion}`,
      `MODIFIED@${changed.metadata.resourceVersion}`,
      `DELETED@${off.metadata.resourceVersion}`,
    ],
  );
  assert.deepEqual(seen[2]!.object.metadata.labels, { on: "yes", other: "x" });
  watch.close();
});

test("a watch on one name sees that name only", async (t) => {
  const { registry } = await startRegistry(t);
  const watch = await registry.watch(serviceKind, {
    namespace: "default",
    fieldSelector: "metadata.name=web",
  });
  await registry.create(serviceKind, "default", service("web-2"), {}, ALICE);
  await registry.create(serviceKind, "kube-system", service("web"), {}, ALICE);
  const web = await registry.create(serviceKind, "default", service("web"), {}, ALICE);
  assert.deepEqual(await events(watch, 1), [`ADDED web@${web.metadata.resourceVersion}`]);
  watch.close();
});

test("all watches share one object for one event", async (t) => {
  const { registry } = await startRegistry(t);
  const watches = await Promise.all(
    ["", "", "app!=x"].map(async (labelSelector) => registry.watch(serviceKind, { labelSelector })),
  );
  const first = Promise.all(watches.map(async (watch) => (await watch.next()).value![0]!.object));
  await registry.create(serviceKind, "default", service("web"), {}, ALICE);
  const [a, b, c] = await first;
  assert.equal(a, b);
  assert.equal(a, c);
  for (const watch of watches) watch.close();
});

test("WatchList: what is there, a bookmark that says so, then what comes", async (t) => {
  const { registry, store } = await startRegistry(t);
  const a = await registry.create(serviceKind, "default", service("a"), {}, ALICE);
  const query = { sendInitialEvents: true, allowBookmarks: true };
  const watch = await registry.watch(serviceKind, query);
  const [added, mark] = (await watch.next()).value!;
  assert.equal(added!.object, a.metadata.uid === added!.object.metadata.uid ? added!.object : a);
  assert.deepEqual(mark, {
    type: "BOOKMARK",
    object: {
      kind: "Service",
      apiVersion: "v1",
      metadata: {
        resourceVersion: String(store.revision),
        annotations: { "k8s.io/initial-events-end": "true" },
      },
    },
  });
  const b = await registry.create(serviceKind, "default", service("b"), {}, ALICE);
  assert.deepEqual(await events(watch, 1), [`ADDED b@${b.metadata.resourceVersion}`]);
  watch.close();
  const empty = await registry.watch(serviceKind, { ...query, labelSelector: "none" });
  assert.equal((await empty.next()).value![0]!.type, "BOOKMARK");
  empty.close();
});

test("the time-out ends a watch, with a bookmark where they are allowed", async (t) => {
  const { registry } = await startRegistry(t);
  const watch = await registry.watch(serviceKind, { timeoutMs: 30, allowBookmarks: true });
  const a = await registry.create(serviceKind, "default", service("a"), {}, ALICE);
  const seen: string[] = [];
  for await (const some of watch)
    for (const { type, object } of some) seen.push(`${type}@${object.metadata.resourceVersion}`);
  const version = a.metadata.resourceVersion;
  assert.deepEqual(seen, [`ADDED@${version}`, `BOOKMARK@${version}`]);
});

test("versions that are gone or not here yet are refused", async (t) => {
  const { registry, store } = await startRegistry(t);
  await registry.create(serviceKind, "default", service("a"), {}, ALICE);
  const open = await registry.watch(serviceKind, { resourceVersion: "2" });
  await store.compact(store.revision);
  const { revision } = store;
  assert.equal(
    await refusal(registry.watch(serviceKind, { resourceVersion: "2" })),
    `410 Expired: too old resource version: 2 (${revision})`,
  );
  assert.equal(
    await refusal(registry.watch(serviceKind, { resourceVersion: "99" })),
    `504 Timeout: Timeout: Too large resource version: 99, current: ${revision}`,
  );
  // A reader that was too slow learns it from its watch.
  await assert.rejects(open.next(), (error) => error instanceof ApiError && error.reason === "Expired");
});
