/** A kind whose objects are stored as another kind's: the two Event APIs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventKind } from "../../api/event/kind.ts";
import type { Event } from "../../api/event/type.ts";
import { eventV1Kind } from "../../api/eventsv1/kind.ts";
import { apiVersionOf, type Kind } from "../../api/kind.ts";
import { namespaceKind } from "../../api/namespace/kind.ts";
import { ALICE, eventually, events, refusal, startRegistry } from "./registry-fixture.ts";

const OLD: Event = {
  metadata: { name: "old", namespace: "default" },
  involvedObject: { kind: "Pod", namespace: "default", name: "a" },
  reason: "Pulled",
  message: "image is there",
  type: "Normal",
  source: { component: "kubelet", host: "n1" },
  firstTimestamp: "2026-01-02T03:04:05Z",
  count: 3,
};

const NEW = {
  metadata: { name: "new", namespace: "default" },
  eventTime: "2026-01-02T03:04:05.000001Z",
  reportingController: "example.com/maker",
  reportingInstance: "maker-1",
  action: "Making",
  reason: "Made",
  note: "made it",
  regarding: { kind: "Node", name: "n1" },
  type: "Warning",
};

test("an event made through one API is read through the other, with one uid and one version", async (t) => {
  const { registry } = await startRegistry(t);
  const made = await registry.create(eventKind, "default", OLD, {}, ALICE);
  const seen = await registry.get(eventV1Kind, { namespace: "default", name: "old" });
  assert.equal(seen.apiVersion, "events.k8s.io/v1");
  assert.deepEqual(seen.metadata, made.metadata);
  assert.deepEqual(seen.regarding, OLD.involvedObject);
  assert.deepEqual(
    [seen.note, seen.deprecatedCount, seen.deprecatedSource, seen.deprecatedFirstTimestamp],
    ["image is there", 3, { component: "kubelet", host: "n1" }, "2026-01-02T03:04:05Z"],
  );
  await registry.create(eventV1Kind, "default", NEW, {}, ALICE);
  const stored = await registry.get(eventKind, { namespace: "default", name: "new" });
  assert.equal(stored.apiVersion, "v1");
  assert.deepEqual(
    [stored.involvedObject, stored.message, stored.reportingComponent, stored.eventTime],
    [NEW.regarding, "made it", "example.com/maker", NEW.eventTime],
  );
  assert.match(
    await refusal(registry.create(eventV1Kind, "default", { ...NEW, metadata: OLD.metadata }, {}, ALICE)),
    /^409 AlreadyExists: events.events.k8s.io "old" already exists$/,
  );
});

test("both APIs list and select by their own field names, page by page, at the same version", async (t) => {
  const { registry } = await startRegistry(t);
  await registry.create(eventKind, "default", OLD, {}, ALICE);
  await registry.create(eventV1Kind, "default", NEW, {}, ALICE);
  const core = await registry.list(eventKind, { fieldSelector: "involvedObject.kind=Pod" });
  const view = await registry.list(eventV1Kind, { fieldSelector: "regarding.kind=Pod,source=kubelet" });
  assert.deepEqual(
    [core, view].map(({ items }) => items.map(({ metadata }) => metadata.name)),
    [["old"], ["old"]],
  );
  assert.equal(core.resourceVersion, view.resourceVersion);
  const first = await registry.list(eventV1Kind, { limit: 1 });
  const second = await registry.list(eventV1Kind, { limit: 1, continue: first.continue! });
  assert.deepEqual(
    [...first.items, ...second.items].map(({ note }) => note),
    ["made it", "image is there"],
  );
  assert.equal(
    await refusal(registry.list(eventV1Kind, { fieldSelector: "involvedObject.kind=Pod" })),
    "400 BadRequest: field label not supported: involvedObject.kind",
  );
});

test("watches of both APIs see every change, each in its own form", async (t) => {
  const { registry } = await startRegistry(t);
  const core = await registry.watch(eventKind, {});
  t.after(() => core.close());
  const view = await registry.watch(eventV1Kind, {});
  t.after(() => view.close());
  const nodes = await registry.watch(eventV1Kind, { fieldSelector: "regarding.kind=Node" });
  t.after(() => nodes.close());
  await registry.create(eventKind, "default", OLD, {}, ALICE);
  await registry.create(eventV1Kind, "default", NEW, {}, ALICE);
  const series = { count: 2, lastObservedTime: NEW.eventTime };
  const key = { namespace: "default", name: "new" };
  const merge = { type: "merge", patch: { series } } as const;
  const { object } = await registry.patch(eventV1Kind, key, merge, {}, ALICE);
  assert.deepEqual(object.series, series);
  await registry.delete(eventKind, key, {}, ALICE);
  const expected = ["ADDED old", "ADDED new", "MODIFIED new", "DELETED new"];
  const plain = (texts: string[]): string[] => texts.map((text) => text.replace(/@.*/, ""));
  assert.deepEqual(plain(await events(core, 4)), expected);
  assert.deepEqual(plain(await events(view, 4)), expected);
  assert.deepEqual(plain(await events(nodes, 3)), expected.slice(1));
});

test("an update through either API keeps what the other wrote; the strict one refuses to change it", async (t) => {
  const { registry } = await startRegistry(t);
  await registry.create(eventV1Kind, "default", NEW, {}, ALICE);
  const key = { namespace: "default", name: "new" };
  await registry.patch(eventKind, key, { type: "merge", patch: { message: "made more" } }, {}, ALICE);
  const seen = await registry.get(eventV1Kind, key);
  assert.deepEqual([seen.note, seen.action], ["made more", "Making"]);
  assert.equal(
    await refusal(registry.patch(eventV1Kind, key, { type: "merge", patch: { note: "x" } }, {}, ALICE)),
    '422 Invalid: Event.events.k8s.io "new" is invalid: message: Invalid value: "x": field is immutable',
  );
  // A PUT to a new name makes it, in both APIs.
  const put = { ...NEW, metadata: { name: "put", namespace: "default" } };
  const { created } = await registry.update(eventV1Kind, { ...key, name: "put" }, put, {}, ALICE);
  assert.equal(created, true);
  assert.equal((await registry.get(eventKind, { ...key, name: "put" })).message, "made it");
});

test("a namespace that goes takes its events along, once", async (t) => {
  const { registry, store } = await startRegistry(t);
  await registry.create(namespaceKind, undefined, { metadata: { name: "shop" } }, {}, ALICE);
  const event = {
    ...NEW,
    metadata: { name: "e", namespace: "shop" },
    regarding: { kind: "Pod", namespace: "shop" },
  };
  await registry.create(eventV1Kind, "shop", event, {}, ALICE);
  const watch = await registry.watch(eventKind, {
    namespace: "shop",
    resourceVersion: String(store.revision),
  });
  t.after(() => watch.close());
  await registry.delete(namespaceKind, { name: "shop" }, {}, ALICE);
  await eventually(store, async () => {
    const { items } = await registry.list(namespaceKind, { fieldSelector: "metadata.name=shop" });
    return items.length === 0;
  });
  assert.match((await events(watch, 1)).join(), /^DELETED e@/);
  assert.deepEqual((await registry.list(eventV1Kind, {})).items, []);
});

test("a field has one owner, whichever API it is written through and whatever that calls it", async (t) => {
  const { registry } = await startRegistry(t);
  const key = { namespace: "default", name: "new" };
  const owners = async (): Promise<string[]> =>
    (await registry.get(eventKind, key)).metadata.managedFields!.map(
      ({ manager, operation, apiVersion, fieldsV1 }) =>
        `${manager} ${operation} ${apiVersion}: ${Object.keys(fieldsV1!).join(" ")}`,
    );
  const apply = async (kind: Kind, fields: object, fieldManager: string, force = false): Promise<unknown> => {
    const config = { apiVersion: apiVersionOf(kind), kind: "Event", metadata: { name: "new" }, ...fields };
    return registry.patch(kind, key, { type: "apply", patch: config, force }, { fieldManager }, ALICE);
  };
  const rest = "f:action f:eventTime f:reason f:regarding f:reportingController f:reportingInstance f:type";

  await registry.create(eventV1Kind, "default", NEW, { fieldManager: "maker" }, ALICE);
  const patch = { message: "there it is" };
  await registry.patch(eventKind, key, { type: "merge", patch }, { fieldManager: "writer" }, ALICE);
  assert.deepEqual(await owners(), [`maker Update events.k8s.io/v1: ${rest}`, "writer Update v1: f:message"]);

  // Applied through either API it conflicts, in the words of whose it is.
  assert.match(
    await refusal(apply(eventV1Kind, { note: "a third" }, "applier")),
    /^409 Conflict: Apply failed with 1 conflict: conflict with "writer" using v1: .message$/,
  );
  assert.match(
    await refusal(apply(eventKind, { reportingComponent: "example.com/other" }, "applier")),
    /^409 Conflict: Apply failed with 1 conflict: conflict with "maker" using events.k8s.io\/v1: .reportingController$/,
  );
  await apply(eventKind, { message: "a third", reason: "Made" }, "applier", true);
  assert.deepEqual(await owners(), [
    "applier Apply v1: f:message f:reason",
    `maker Update events.k8s.io/v1: ${rest}`,
  ]);
  // An applier stays itself when it changes the API.
  await apply(eventV1Kind, { note: "a third" }, "applier");
  assert.deepEqual(await owners(), [
    "applier Apply events.k8s.io/v1: f:note",
    `maker Update events.k8s.io/v1: ${rest}`,
  ]);
  // What it leaves out goes, since nobody else has it.
  await apply(eventKind, { reason: "Made" }, "applier");
  assert.equal((await registry.get(eventV1Kind, key)).note, undefined);
  assert.deepEqual(await owners(), ["applier Apply v1: f:reason", `maker Update events.k8s.io/v1: ${rest}`]);
});
