import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { eventKind } from "../../api/event/kind.ts";
import type { Event } from "../../api/event/type.ts";
import { silentLog } from "../../base/log.ts";
import { createMemoryStore } from "../../store/memory/memory-store.ts";
import type { Store } from "../../store/store.ts";
import { eventLastWritten } from "./event-expiry.ts";
import { startExpiry } from "./expiry.ts";
import { storeKey } from "./keys.ts";
import { eventually } from "./registry-fixture.ts";
import { encodeObject } from "./stored-object.ts";

const LIFETIME = 3_600_000;

function storeOf(t: TestContext): Store {
  const store = createMemoryStore({ retention: { intervalMs: 0 } });
  t.after(async () => store[Symbol.asyncDispose]());
  return store;
}

async function write(store: Store, name: string, written = 0): Promise<void> {
  const event: Event = {
    metadata: { name, namespace: "default", creationTimestamp: new Date(written).toISOString() },
    involvedObject: {},
  };
  const key = storeKey(eventKind, { namespace: "default", name });
  await store.commit([{ type: "put", key, value: encodeObject(eventKind, event) }]);
}

async function names(store: Store): Promise<string[]> {
  const { entries } = await store.list("/registry/");
  return entries.map(({ key }) => key.split("/").at(-1)!);
}

/** Expiry with a clock that the test sets and timers that it moves. */
async function start(t: TestContext, store: Store, clock: () => number): Promise<void> {
  const expiry = await startExpiry({
    store,
    kind: eventKind,
    lifetime: LIFETIME,
    lastWritten: ({ metadata }) => Date.parse(metadata.creationTimestamp!),
    clock,
    log: silentLog,
  });
  t.after(async () => expiry[Symbol.asyncDispose]());
}

test("an object goes when nobody has written it for its lifetime; a write begins it anew", async (t) => {
  const store = storeOf(t);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  await start(t, store, () => now);
  const pass = (milliseconds: number): void => {
    now += milliseconds;
    t.mock.timers.tick(milliseconds);
  };
  /** Lets the watch hand over what was written. */
  const turn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  await write(store, "a");
  await write(store, "b");
  await turn();
  pass(LIFETIME / 2);
  await write(store, "a");
  await turn();
  pass(LIFETIME / 2);
  for (let i = 0; i < 100 && (await names(store)).includes("b"); i++) await turn();
  assert.deepEqual(await names(store), ["a"]);
  await turn();
  pass(LIFETIME / 2 - 1);
  await turn();
  assert.deepEqual(await names(store), ["a"]);
  pass(1001);
  for (let i = 0; i < 100 && (await names(store)).length > 0; i++) await turn();
  assert.deepEqual(await names(store), []);
});

test("what was stored before goes by what it says of itself, never later than if it were written now", async (t) => {
  const store = storeOf(t);
  const now = 10 * LIFETIME;
  for (let i = 0; i < 250; i++) await write(store, `old-${i}`, now - LIFETIME - i * 1000);
  await write(store, "young", now - LIFETIME / 2);
  await write(store, "ahead", now + LIFETIME);
  await start(t, store, () => now);
  await eventually(store, async () => (await names(store)).length === 2);
  assert.deepEqual(await names(store), ["ahead", "young"]);
});

test("an event was written last at the latest time in it that a write sets", () => {
  const event: Event = {
    metadata: { creationTimestamp: "2026-01-02T03:04:05Z" },
    involvedObject: {},
    eventTime: "2030-01-01T00:00:00.000000Z",
  };
  assert.equal(eventLastWritten(event), Date.parse("2026-01-02T03:04:05Z"));
  event.lastTimestamp = "2026-01-02T03:05:05Z";
  assert.equal(eventLastWritten(event), Date.parse("2026-01-02T03:05:05Z"));
  event.series = { count: 2, lastObservedTime: "2026-01-02T03:06:05.500000Z" };
  assert.equal(eventLastWritten(event), Date.parse("2026-01-02T03:06:05.500Z"));
  event.metadata.managedFields = [{ time: "2026-01-02T03:07:05Z" }];
  assert.equal(eventLastWritten(event), Date.parse("2026-01-02T03:07:05Z"));
  assert.equal(eventLastWritten({ metadata: {}, involvedObject: {} }), 0);
});
