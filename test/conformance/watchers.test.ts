/**
 * Upstream: test/e2e/apimachinery/watch.go.
 *
 * Where upstream waits 10 seconds for an event that must not come, a fence is written that the watch does select: a
 * watch is ordered, so that what has not come before the fence does not come at all.
 */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { V1ConfigMap } from "@kubernetes/client-node";
import { startCluster } from "./cluster.ts";
import type { Resource, Wire } from "./resource.ts";
import type { WatchEvent, Watching } from "./watching.ts";

type ConfigMap = Wire<V1ConfigMap>;

const LABEL = "watch-this-configmap";
const EVENT_TIMEOUT = 60_000;

const cluster = await startCluster();
const { api } = cluster;

function watchConfigMaps(
  configMaps: Resource<V1ConfigMap>,
  resourceVersion: string | undefined,
  ...values: readonly string[]
): Promise<Watching<ConfigMap>> {
  return configMaps.watch({
    labelSelector: `${LABEL} in (${values.join(",")})`,
    ...(resourceVersion !== undefined && { resourceVersion }),
  });
}

/** Takes events until the one of this type, and with this object where one is given. */
function expectEvent(
  watch: Watching<ConfigMap>,
  type: string,
  object?: ConfigMap,
): Promise<WatchEvent<ConfigMap>> {
  return watch.until(
    EVENT_TIMEOUT,
    (event) => event.type === type && (object === undefined || same(event.object, object)),
  );
}

/** An event's object has apiVersion and kind; so has the answer to a write. */
function same(a: ConfigMap, b: ConfigMap): boolean {
  return isDeepStrictEqual(a, b);
}

let fences = 0;

/** Nothing about `name` comes on the watch, which selects `value`. */
async function expectNoEvent(
  configMaps: Resource<V1ConfigMap>,
  watch: Watching<ConfigMap>,
  value: string,
  name: string,
): Promise<void> {
  const fence = `fence-${fences++}`;
  await configMaps.create({ metadata: { name: fence, labels: { [LABEL]: value } } });
  await watch.until(EVENT_TIMEOUT, ({ type, object }) => {
    assert.notEqual(object.metadata!.name, name, `unexpected ${type}`);
    return object.metadata!.name === fence;
  });
}

function configMap(name: string, value: string): object {
  return { metadata: { name, labels: { [LABEL]: value } } };
}

async function mutate(configMaps: Resource<V1ConfigMap>, name: string, to: string): Promise<ConfigMap> {
  return configMaps.change(name, (object) => {
    object.data = { ...object.data, mutation: to };
  });
}

test("[sig-api-machinery] Watchers should observe add, update, and delete watch notifications on configmaps [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "watch");
  const configMaps = api.core<V1ConfigMap>("configmaps", ns);
  const [A, B] = ["multiple-watchers-A", "multiple-watchers-B"] as const;
  await using watchA = await watchConfigMaps(configMaps, undefined, A);
  await using watchB = await watchConfigMaps(configMaps, undefined, B);
  await using watchAB = await watchConfigMaps(configMaps, undefined, A, B);
  const [a, b] = ["e2e-watch-test-configmap-a", "e2e-watch-test-configmap-b"] as const;

  const created = await configMaps.create(configMap(a, A));
  await expectEvent(watchA, "ADDED", created);
  await expectEvent(watchAB, "ADDED", created);
  await expectNoEvent(configMaps, watchB, B, a);

  for (const to of ["1", "2"]) {
    const updated = await mutate(configMaps, a, to);
    await expectEvent(watchA, "MODIFIED", updated);
    await expectEvent(watchAB, "MODIFIED", updated);
    await expectNoEvent(configMaps, watchB, B, a);
  }

  await configMaps.delete(a);
  await expectEvent(watchA, "DELETED");
  await expectEvent(watchAB, "DELETED");
  await expectNoEvent(configMaps, watchB, B, a);

  const createdB = await configMaps.create(configMap(b, B));
  await expectEvent(watchB, "ADDED", createdB);
  await expectEvent(watchAB, "ADDED", createdB);
  await expectNoEvent(configMaps, watchA, A, b);

  await configMaps.delete(b);
  await expectEvent(watchB, "DELETED");
  await expectEvent(watchAB, "DELETED");
  await expectNoEvent(configMaps, watchA, A, b);
});

test("[sig-api-machinery] Watchers should be able to start watching from a specific resource version [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "watch");
  const configMaps = api.core<V1ConfigMap>("configmaps", ns);
  const name = "e2e-watch-test-resource-version";
  const value = "from-resource-version";
  await configMaps.create(configMap(name, value));
  const first = await mutate(configMaps, name, "1");
  const second = await mutate(configMaps, name, "2");
  await configMaps.delete(name);
  await using watch = await watchConfigMaps(configMaps, first.metadata!.resourceVersion, value);
  const modified = await watch.next(EVENT_TIMEOUT);
  assert.equal(modified.type, "MODIFIED");
  assert.deepEqual(modified.object, second);
  assert.equal((await watch.next(EVENT_TIMEOUT)).type, "DELETED");
});

test("[sig-api-machinery] Watchers should be able to restart watching from the last resource version observed by the previous watch [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "watch");
  const configMaps = api.core<V1ConfigMap>("configmaps", ns);
  const name = "e2e-watch-test-watch-closed";
  const value = "watch-closed-and-restarted";
  let last: WatchEvent<ConfigMap>;
  {
    await using broken = await watchConfigMaps(configMaps, undefined, value);
    const created = await configMaps.create(configMap(name, value));
    await mutate(configMaps, name, "1");
    await expectEvent(broken, "ADDED", created);
    last = await expectEvent(broken, "MODIFIED");
  }
  const second = await mutate(configMaps, name, "2");
  await using restarted = await watchConfigMaps(configMaps, last.object.metadata!.resourceVersion, value);
  await configMaps.delete(name);
  await expectEvent(restarted, "MODIFIED", second);
  await expectEvent(restarted, "DELETED");
});

test("[sig-api-machinery] Watchers should observe an object deletion if it stops meeting the requirements of the selector [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "watch");
  const configMaps = api.core<V1ConfigMap>("configmaps", ns);
  const name = "e2e-watch-test-label-changed";
  const value = "label-changed-and-restored";
  const relabel = (to: string): Promise<ConfigMap> =>
    configMaps.change(name, ({ metadata }) => {
      metadata!.labels![LABEL] = to;
    });
  await using watch = await watchConfigMaps(configMaps, undefined, value);
  const created = await configMaps.create(configMap(name, value));
  const first = await mutate(configMaps, name, "1");
  await relabel("wrong-value");
  await expectEvent(watch, "ADDED", created);
  await expectEvent(watch, "MODIFIED", first);
  await expectEvent(watch, "DELETED");

  await mutate(configMaps, name, "2");
  await expectNoEvent(configMaps, watch, value, name);

  const restored = await relabel(value);
  const third = await mutate(configMaps, name, "3");
  await configMaps.delete(name);
  await expectEvent(watch, "ADDED", restored);
  await expectEvent(watch, "MODIFIED", third);
  await expectEvent(watch, "DELETED");
});

test("[sig-api-machinery] Watchers should receive events on concurrent watches in same order [Conformance]", async (t) => {
  const iterations = 100;
  const ns = await cluster.namespace(t, "watch");
  const configMaps = api.core<V1ConfigMap>("configmaps", ns);
  let { resourceVersion } = (await configMaps.list()).metadata;
  const stop = new AbortController();
  const producing = produceEvents(configMaps, stop.signal);

  await using stack = new AsyncDisposableStack();
  const watches: Watching<ConfigMap>[] = [];
  const next = async (watch: Watching<ConfigMap>): Promise<string> =>
    (await watch.next(10_000)).object.metadata!.resourceVersion!;
  for (let i = 0; i < iterations; i++) {
    watches.push(stack.use(await configMaps.watch({ resourceVersion })));
    resourceVersion = await next(watches[0]!);
    for (const watch of watches.slice(1)) assert.equal(await next(watch), resourceVersion);
  }
  stop.abort();
  await producing;
});

/** Creates, updates and deletes at random, at most every 5 ms. */
async function produceEvents(configMaps: Resource<V1ConfigMap>, signal: AbortSignal): Promise<void> {
  const existing: string[] = [];
  for (let i = 0; !signal.aborted;) {
    await setTimeout(5);
    const at = Math.floor(Math.random() * existing.length);
    const operation = existing.length === 0 ? 0 : Math.floor(Math.random() * 3);
    if (operation === 0) {
      const name = `cm-${i++}`;
      await configMaps.create({ metadata: { name } });
      existing.push(name);
    } else if (operation === 1) {
      await configMaps.update({ metadata: { name: existing[at]! } });
    } else {
      await configMaps.delete(existing[at]!);
      existing.splice(at, 1);
    }
  }
}
