/** The model half of the compliance suite: random histories against an array of snapshots. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  CompactedError,
  ConflictError,
  type Entry,
  type Operation,
  type Revision,
  type Store,
  type StoreEvent,
  type Watch,
} from "./store.ts";

const KEYS = ["/a", "/a/1", "/a/2", "/b", "/b/1", "/c"] as const;
const PREFIXES = ["", "/a", "/a/", "/b", "/c", "/none"] as const;

/** Revisions are drawn as fractions of what is there when the step runs. */
type Step =
  | { readonly type: "commits"; readonly commits: readonly (readonly Draft[])[] }
  | { readonly type: "compact"; readonly at: number }
  | { readonly type: "list"; readonly prefix: string; readonly at: number; readonly limit: number }
  | { readonly type: "watch"; readonly prefix: string; readonly at: number }
  | { readonly type: "read"; readonly watch: number };

interface Draft {
  readonly key: string;
  /** Undefined deletes; "check" writes nothing. */
  readonly value: number | undefined | "check";
  /** Expect: nothing, what is there, that there is none, or a wrong revision. */
  readonly expect: "any" | "current" | "none" | "wrong";
}

const draft: fc.Arbitrary<Draft> = fc.record({
  key: fc.constantFrom(...KEYS),
  value: fc.oneof(
    { weight: 6, arbitrary: fc.option(fc.nat(255), { nil: undefined, freq: 3 }) },
    fc.constant("check" as const),
  ),
  expect: fc.constantFrom("any", "any", "current", "current", "none", "wrong"),
});
const commit = fc.uniqueArray(draft, { selector: ({ key }) => key, minLength: 1, maxLength: 4 });
const fraction = fc.double({ min: 0, max: 1, noNaN: true });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("commits"),
      commits: fc.array(commit, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("compact"), at: fraction }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("list"),
      prefix: fc.constantFrom(...PREFIXES),
      at: fraction,
      limit: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("watch"), prefix: fc.constantFrom(...PREFIXES), at: fraction }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("read"), watch: fc.nat() }) },
);

/** What a store should be: every state it ever had, and every event. */
class Model {
  readonly states: ReadonlyMap<string, Entry>[] = [new Map()];
  readonly events: StoreEvent[] = [];
  compacted = 0;

  get revision(): Revision {
    return this.states.length - 1;
  }

  get now(): ReadonlyMap<string, Entry> {
    return this.states.at(-1)!;
  }

  /** The revision it is given, or the key it conflicts at. */
  commit(operations: readonly Operation[]): Revision | { readonly conflict: string } {
    const bad = operations.find(
      ({ key, expect }) => expect !== undefined && expect !== (this.now.get(key)?.modRevision ?? 0),
    );
    if (bad !== undefined) return { conflict: bad.key };
    const state = new Map(this.now);
    const revision = this.states.length;
    const events: StoreEvent[] = [];
    for (const operation of operations) {
      if (operation.type === "check") continue;
      const previous = state.get(operation.key);
      if (operation.type === "delete") {
        if (previous !== undefined) events.push({ type: "delete", previous, revision });
        state.delete(operation.key);
        continue;
      }
      const { key, value } = operation;
      const entry = {
        key,
        value,
        createRevision: previous?.createRevision ?? revision,
        modRevision: revision,
      };
      state.set(key, entry);
      events.push({ type: "put", entry, revision, ...(previous === undefined ? {} : { previous }) });
    }
    if (events.length === 0) return this.revision;
    this.states.push(state);
    this.events.push(...events);
    return revision;
  }

  list(prefix: string, revision: Revision): readonly Entry[] {
    const entries = [...this.states[revision]!.values()].filter(({ key }) => key.startsWith(prefix));
    return entries.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  eventsAfter(prefix: string, since: Revision): readonly StoreEvent[] {
    return this.events.filter(
      (event) =>
        event.revision > since &&
        (event.type === "put" ? event.entry : event.previous).key.startsWith(prefix),
    );
  }
}

/** A watch under test and the revision up to which it was read. */
interface Reading {
  readonly watch: Watch;
  readonly prefix: string;
  at: Revision;
}

/** Where a watch is that has failed: nothing comes after it. */
const ENDED = Number.POSITIVE_INFINITY;

function operationOf({ key, value, expect }: Draft, current: Revision): Operation {
  const expected = { any: undefined, current, none: 0, wrong: current + 1 }[expect];
  if (value === "check") return { type: "check", key, expect: expected ?? current };
  const rest = { key, ...(expected === undefined ? {} : { expect: expected }) };
  return value === undefined
    ? { type: "delete", ...rest }
    : { type: "put", value: Uint8Array.of(value), ...rest };
}

async function runCommits(store: Store, model: Model, commits: readonly (readonly Draft[])[]): Promise<void> {
  const running = [];
  for (const drafts of commits) {
    const operations = drafts.map((draft) => operationOf(draft, model.now.get(draft.key)?.modRevision ?? 0));
    const expected = model.commit(operations);
    running.push({ expected, outcome: store.commit(operations).catch((error: unknown) => error) });
  }
  for (const { expected, outcome } of running) {
    const got = await outcome;
    if (typeof expected === "number") assert.equal(got, expected);
    else assert.ok(got instanceof ConflictError && got.key === expected.conflict, String(got));
  }
  assert.equal(store.revision, model.revision);
}

async function runList(
  store: Store,
  model: Model,
  prefix: string,
  revision: Revision,
  limit: number,
): Promise<void> {
  if (revision < model.compacted) {
    await assert.rejects(store.list(prefix, { revision, limit }), CompactedError);
    return;
  }
  const listed: Entry[] = [];
  for (;;) {
    const last = listed.at(-1);
    const page = await store.list(prefix, {
      revision,
      limit,
      ...(last === undefined ? {} : { after: last.key }),
    });
    listed.push(...page.entries);
    if (page.remaining === 0) break;
    assert.equal(page.entries.length, limit);
  }
  assert.deepEqual(listed, model.list(prefix, revision));
}

/**
 * Reads all that the watch has. A watch whose last event is older than the compaction has perhaps seen that nothing
 * more concerned it: it must fail only if it missed an event, and may fail if it did not.
 */
async function runRead(model: Model, reading: Reading): Promise<void> {
  const expected = model.eventsAfter(reading.prefix, reading.at);
  if (expected.length === 0) return;
  const isBehind = reading.at < model.compacted;
  const got: StoreEvent[] = [];
  try {
    while (got.length < expected.length) got.push(...(await reading.watch.next()).value!);
  } catch (error) {
    assert.ok(isBehind && error instanceof CompactedError, String(error));
    assert.deepEqual(got, []);
    reading.at = ENDED;
    return;
  }
  assert.deepEqual(got, expected, "the watch has a gap, or should have said that it fell behind");
  reading.at = expected.at(-1)!.revision;
}

export function storeModelTest(factory: () => Promise<Store>, histories: number): void {
  test(`tells the same story as a list of snapshots, in ${histories} random histories`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        await using store = await factory();
        const model = new Model();
        const readings: Reading[] = [];
        for (const step of steps) {
          const at = "at" in step ? Math.round(step.at * model.revision) : 0;
          if (step.type === "commits") await runCommits(store, model, step.commits);
          else if (step.type === "list") await runList(store, model, step.prefix, at, step.limit);
          else if (step.type === "compact") {
            await store.compact(at);
            model.compacted = Math.max(model.compacted, at);
          } else if (step.type === "watch") {
            if (at < model.compacted) assert.throws(() => store.watch(step.prefix, at), CompactedError);
            else readings.push({ watch: store.watch(step.prefix, at), prefix: step.prefix, at });
          } else if (readings.length > 0) {
            await runRead(model, readings[step.watch % readings.length]!);
          }
        }
        for (const reading of readings) await runRead(model, reading);
      }),
      { numRuns: histories },
    );
  });
}
