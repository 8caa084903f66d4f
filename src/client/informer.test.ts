import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { silentLog } from "../base/log.ts";
import type { KubeList, KubeObject } from "../api/meta/type.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { Service } from "../api/service/type.ts";
import { tooOldResourceVersion } from "../api/status-errors.ts";
import type { Client } from "./client.ts";
import { type Informer, type InformerOptions, startInformer } from "./informer.ts";
import { createMemoryApi, type MemoryApi } from "./memory-api.ts";
import { keyOf } from "./object-key.ts";

const QUICK = { initial: 0.01, limit: 0.1 };

function service(name: string, labels: Record<string, string> = {}, port = 80): Service {
  return { metadata: { namespace: "default", name, labels }, spec: { ports: [{ port }] } };
}

/** An informer on an API in memory that ends with the test's scope. */
function informed(api: MemoryApi, options: Partial<InformerOptions<Service, "label">> = {}) {
  const end = new AbortController();
  const informer: Informer<Service, "label"> = startInformer({
    client: api,
    kind: serviceKind,
    indexes: { label: ({ metadata }) => Object.entries(metadata.labels ?? {}).map(([k, v]) => `${k}=${v}`) },
    signal: end.signal,
    backoff: QUICK,
    shortWatch: 0,
    ...options,
  });
  const seen: string[] = [];
  informer.addHandler({
    onAdd: (object) => seen.push(`+${object.metadata.name}`),
    onUpdate: (object, old) => seen.push(`~${object.metadata.name} ${old.spec?.ports?.[0]?.port}`),
    onDelete: (object) => seen.push(`-${object.metadata.name} ${object.spec?.ports?.[0]?.port}`),
  });
  return {
    informer,
    seen,
    async [Symbol.asyncDispose]() {
      end.abort();
      await informer.done;
    },
  };
}

/** Waits turn by turn until `holds`. Events in memory arrive within a few of them. */
async function until(holds: () => boolean, turns = 10_000): Promise<void> {
  for (let i = 0; i < turns; i++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, i < 50 ? 0 : 1));
  }
  assert.fail(`did not happen: ${holds.toString()}`);
}

test("the first list and every later event reach cache and handlers", async () => {
  const api = createMemoryApi();
  api.put(serviceKind, service("a"));
  await using scope = informed(api);
  const { informer, seen } = scope;
  await informer.synced;
  api.put(serviceKind, service("b", { app: "web" }));
  api.put(serviceKind, service("a", {}, 81));
  api.remove(serviceKind, { namespace: "default", name: "a" });
  await until(() => seen.length === 4);
  assert.deepEqual(seen, ["+a", "+b", "~a 80", "-a 81"]);
  assert.equal(informer.get("default", "b")?.metadata.name, "b");
  assert.equal(informer.get("default", "a"), undefined);
  assert.deepEqual(Array.from(informer.byIndex("label", "app=web").keys()), ["default/b"]);
});

test("what a transform leaves is all that is kept and handed out, and objects are told apart all the same", async () => {
  for (const watchList of [false, true]) {
    const api = createMemoryApi();
    const labelled = (name: string, port = 80): Service => service(name, { app: "web" }, port);
    api.put(serviceKind, labelled("a"));
    const transform = ({ metadata: { namespace, name, resourceVersion, uid }, spec }: Service): Service => ({
      metadata: { namespace: namespace!, name: name!, resourceVersion: resourceVersion!, uid: uid! },
      ...(spec !== undefined && { spec }),
    });
    await using scope = informed(api, { transform, watchList });
    const { informer, seen } = scope;
    await informer.synced;
    informer.observe(api.put(serviceKind, labelled("b")));
    api.put(serviceKind, labelled("a", 81));
    api.remove(serviceKind, { namespace: "default", name: "a" });
    informer.forget(
      api.remove(serviceKind, { namespace: "default", name: "b" }) ?? informer.get("default", "b")!,
    );
    api.put(serviceKind, labelled("c"));
    await until(() => seen.includes("+c"));
    assert.deepEqual(seen.toSorted(), ["+a", "+b", "+c", "-a 81", "-b 80", "~a 80"]);
    assert.deepEqual(Object.keys(informer.get("default", "c")!.metadata).sort(), [
      "name",
      "namespace",
      "resourceVersion",
      "uid",
    ]);
  }
});

test("where objects are in memory anyway they are kept whole", async () => {
  const api = createMemoryApi();
  const whole = api.put(serviceKind, service("a", { app: "web" }));
  const transform = ({ metadata: { name } }: Service): Service => ({ metadata: { name: name! } });
  await using scope = informed(api, { client: { ...api, sharesObjects: true }, transform });
  await scope.informer.synced;
  assert.equal(scope.informer.get("default", "a"), whole);
});

test("a handler that comes late gets what is there, one that fails harms nobody, one disposed gets nothing", async () => {
  const api = createMemoryApi();
  api.put(serviceKind, service("a"));
  await using scope = informed(api);
  const { informer, seen } = scope;
  await informer.synced;
  const late: string[] = [];
  const handler = informer.addHandler({
    onAdd: (object) => {
      late.push(object.metadata.name!);
      throw new Error("on purpose");
    },
  });
  api.put(serviceKind, service("b"));
  await until(() => seen.length === 2);
  handler[Symbol.dispose]();
  api.put(serviceKind, service("c"));
  await until(() => seen.length === 3);
  assert.deepEqual(late, ["a", "b"]);
});

test("a watch that ends or breaks is resumed without listing again", async () => {
  const api = createMemoryApi();
  await using scope = informed(api);
  const { informer, seen } = scope;
  await informer.synced;
  for (const how of ["end", "error"] as const) {
    api.cutWatches(how);
    api.put(serviceKind, service(how));
    await until(() => seen.includes(`+${how}`));
  }
  assert.equal(api.calls.list, 1);
});

test("a server that is there again is told of at once, though nothing has changed there", async () => {
  const api = createMemoryApi();
  const said: string[] = [];
  const log = { ...silentLog, info: (_fields: object, text?: string) => void said.push(text ?? "") };
  await using scope = informed(api, { log });
  await scope.informer.synced;
  api.fail(3);
  api.cutWatches("error");
  await until(() => said.includes("following the server again"));
  assert.deepEqual(scope.seen, []);
});

test("what was deleted in a gap that cannot be watched is found by listing", async () => {
  const api = createMemoryApi();
  api.put(serviceKind, service("a"));
  api.put(serviceKind, service("b"));
  await using scope = informed(api);
  const { informer, seen } = scope;
  await informer.synced;
  await until(() => api.watchers === 1);
  api.cutWatches("error");
  await until(() => api.watchers === 0);
  api.remove(serviceKind, { namespace: "default", name: "a" });
  api.remove(serviceKind, { namespace: "default", name: "b" });
  api.put(serviceKind, service("b", {}, 81));
  api.compact();
  await until(() => seen.length === 5);
  assert.deepEqual(seen, ["+a", "+b", "-a 80", "-b 80", "+b"]);
  assert.equal(api.calls.list, 2);
});

test("the first list is read in pages, and in one piece when a page has expired", async () => {
  const api = createMemoryApi();
  for (let i = 0; i < 25; i++) api.put(serviceKind, service(`s${i}`));
  await using whole = informed(api, { pageSize: 10 });
  await whole.informer.synced;
  assert.equal(api.calls.list, 3);
  assert.equal(whole.informer.list().size, 25);

  const list = api.list.bind(api);
  let pages = 0;
  api.list = async (kind, query) => {
    // Something is written between the first page and the second.
    if (++pages === 2) api.put(serviceKind, service("between"));
    return list(kind, query);
  };
  await using broken = informed(api, { pageSize: 10 });
  await broken.informer.synced;
  assert.equal(pages, 3);
  assert.equal(broken.informer.list().size, 26);
});

test("a server that fails is tried again, and the sync comes when it works", async () => {
  const api = createMemoryApi();
  api.put(serviceKind, service("a"));
  api.fail(5);
  await using scope = informed(api);
  await scope.informer.synced;
  assert.deepEqual(scope.seen, ["+a"]);
});

test("a server that one informer finds again is asked by the others at once", async () => {
  const api = createMemoryApi();
  api.put(serviceKind, service("a"));
  api.fail(2);
  await using patient = informed(api, { backoff: { initial: 60_000, limit: 60_000 } });
  await until(() => api.calls.list === 1);
  await using quick = informed(api);
  await Promise.all([quick.informer.synced, patient.informer.synced]);
  assert.deepEqual(patient.seen, ["+a"]);
});

test("a server that takes a WatchList for a plain watch is asked for a list instead", async () => {
  const api = createMemoryApi();
  api.put(serviceKind, service("a"));
  let begun = 0;
  const old: Client = {
    ...api,
    watch(kind, query) {
      if (query.sendInitialEvents !== true) return api.watch(kind, query);
      return (async function* () {
        begun++;
        // Before Kubernetes 1.27: what is there, and then only what changes. No bookmark ends the beginning.
        for (const object of api.all(kind)) yield { type: "ADDED" as const, object };
        await new Promise((resolve) => query.signal.addEventListener("abort", resolve, { once: true }));
      })();
    },
  };
  await using scope = informed(api, { client: old, watchList: true, watchListSilence: 5 });
  await scope.informer.synced;
  assert.deepEqual(scope.seen, ["+a"]);
  api.put(serviceKind, service("b"));
  await until(() => scope.seen.includes("+b"));
  api.compact();
  api.cutWatches("error");
  api.put(serviceKind, service("c"));
  await until(() => scope.seen.includes("+c"));
  assert.equal(begun, 1, "it is tried once");
});

test("ended before it was in step, the promise says so", async () => {
  const api = createMemoryApi();
  api.fail(Infinity);
  const scope = informed(api);
  await scope[Symbol.asyncDispose]();
  await assert.rejects(scope.informer.synced, { name: "AbortError" });
  assert.equal(api.watchers, 0);
});

test("an observed write is read at once, and its event is no second one", async () => {
  const api = createMemoryApi();
  await using scope = informed(api);
  const { informer, seen } = scope;
  await informer.synced;
  informer.observe(await api.create(serviceKind, service("a")));
  assert.equal(informer.get("default", "a")?.metadata.name, "a");
  const old = informer.get("default", "a")!;
  informer.observe(await api.update(serviceKind, { ...old, spec: { ports: [{ port: 81 }] } }));
  // Versions from before do not undo it.
  informer.observe(old);
  await api.delete(serviceKind, { namespace: "default", name: "a" });
  informer.forget(informer.get("default", "a")!);
  assert.equal(informer.list().size, 0);
  api.put(serviceKind, service("end"));
  await until(() => seen.includes("+end"));
  assert.deepEqual(seen, ["+a", "~a 80", "-a 81", "+end"]);
});

test("a late answer does not bring back what the watch has seen to go", async () => {
  const api = createMemoryApi();
  await using scope = informed(api);
  const { informer, seen } = scope;
  await informer.synced;
  const created = await api.create(serviceKind, service("a"));
  await api.delete(serviceKind, { namespace: "default", name: "a" });
  api.put(serviceKind, service("end"));
  await until(() => seen.includes("+end"));
  informer.observe(created);
  assert.equal(informer.get("default", "a"), undefined);
});

test("what was forgotten does not come back with events from before its deletion", async () => {
  const api = createMemoryApi();
  await using scope = informed(api);
  const { informer, seen } = scope;
  await informer.synced;
  // All in one turn: the watch tells of it later.
  informer.observe(api.put(serviceKind, service("a")));
  api.put(serviceKind, service("a", {}, 81));
  api.remove(serviceKind, { namespace: "default", name: "a" });
  informer.forget(informer.get("default", "a")!);
  api.put(serviceKind, service("end"));
  await until(() => seen.includes("+end"));
  assert.deepEqual(seen, ["+a", "-a 80", "+end"]);
});

test("what was forgotten and is held by a finalizer is there after all", async () => {
  const api = createMemoryApi();
  await using scope = informed(api);
  const { informer, seen } = scope;
  await informer.synced;
  informer.observe(api.put(serviceKind, service("a")));
  informer.forget(informer.get("default", "a")!);
  const { metadata, ...rest } = service("a");
  api.put(serviceKind, { ...rest, metadata: { ...metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } });
  await until(() => seen.length === 3);
  assert.deepEqual(seen, ["+a", "-a 80", "+a"]);
});

test("the late end of an object does not take the next one of its name", async () => {
  const api = createMemoryApi();
  api.put(serviceKind, service("a"));
  await using scope = informed(api);
  const { informer, seen } = scope;
  await informer.synced;
  api.remove(serviceKind, { namespace: "default", name: "a" });
  informer.observe(api.put(serviceKind, service("a", {}, 81)));
  api.put(serviceKind, service("end"));
  await until(() => seen.includes("+end"));
  assert.deepEqual(seen, ["+a", "-a 80", "+a", "+end"]);
});

test("a list from a server that lags does not take away what was observed since", async () => {
  const api = createMemoryApi();
  const stale = await api.list(serviceKind);
  let watches = 0;
  const lagging: Client = {
    ...api,
    list: async <T extends KubeObject>() => stale as unknown as KubeList<T>,
    async *watch(kind, query) {
      if (++watches === 2) throw tooOldResourceVersion(1, 2);
      // The first one says nothing.
      else if (watches > 2) yield* api.watch(kind, query);
    },
  };
  await using scope = informed(api, { client: lagging });
  const { informer, seen } = scope;
  await informer.synced;
  informer.observe(api.put(serviceKind, service("a")));
  await until(() => watches === 3);
  assert.deepEqual(seen, ["+a"]);
  api.put(serviceKind, service("end"));
  await until(() => seen.includes("+end"));
  assert.deepEqual(seen, ["+a", "+end"]);
});

type Step =
  | { readonly do: "put" | "remove" | "create and observe" | "delete and forget"; readonly name: string }
  | { readonly do: "end" | "error" | "compact" | "fail" | "turn" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("put", "remove", "create and observe", "delete and forget"),
      name: fc.constantFrom("a", "b", "c", "d"),
    }),
  },
  fc.record({ do: fc.constantFrom("end", "error", "compact", "fail", "turn") }),
);

test("after any events, cuts and compactions the cache is what the server has, and handlers saw every step to it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, selective) => {
      const api = createMemoryApi();
      await using scope = informed(api, selective ? { labelSelector: "!hidden" } : {});
      const { informer } = scope;
      const mirror = new Map<string, Service>();
      informer.addHandler({
        onAdd(object) {
          assert.ok(!mirror.has(keyOf(object)), "added twice");
          mirror.set(keyOf(object), object);
        },
        onUpdate(object, old) {
          assert.equal(mirror.get(keyOf(object)), old, "an update of something else");
          mirror.set(keyOf(object), object);
        },
        onDelete(object) {
          assert.equal(mirror.get(keyOf(object)), object, "a deletion of something else");
          mirror.delete(keyOf(object));
        },
      });
      let port = 1;
      for (const step of steps) await perform(step, api, informer, port++);
      const expected = (): Service[] =>
        api
          .all(serviceKind)
          .filter(({ metadata }) => !selective || metadata.labels?.["hidden"] === undefined);
      const versions = (objects: Iterable<Service>): string =>
        Array.from(objects, (o) => `${keyOf(o)}@${o.metadata.resourceVersion}`)
          .sort()
          .join();
      await until(() => informer.hasSynced && versions(informer.list().values()) === versions(expected()));
      assert.deepEqual(mirror, informer.list());
    }),
    { numRuns: 150 },
  );
});

async function perform(step: Step, api: MemoryApi, informer: Informer<Service, "label">, port: number) {
  switch (step.do) {
    case "put":
      api.put(serviceKind, service(step.name, port % 3 === 0 ? { hidden: "" } : {}, port));
      break;
    case "remove":
    case "delete and forget": {
      const name = { namespace: "default", name: step.name };
      const known = informer.get("default", step.name);
      if (!api.all(serviceKind).some((object) => object.metadata.name === step.name)) break;
      api.remove(serviceKind, name);
      if (step.do === "delete and forget" && known !== undefined) informer.forget(known);
      break;
    }
    case "create and observe":
      informer.observe(api.put(serviceKind, service(step.name, {}, port)));
      break;
    case "end":
    case "error":
      api.cutWatches(step.do);
      break;
    case "compact":
      api.compact();
      break;
    case "fail":
      api.fail(2);
      break;
    case "turn":
      await new Promise((resolve) => setImmediate(resolve));
  }
}
