import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryStore } from "./memory/memory-store.ts";
import { compactRegularly, Retention } from "./retention.ts";
import { put } from "./compliance.ts";

const options = { minRevisions: 10, minAgeMs: 1000, maxRevisions: 100 };

// [milliseconds, newest revision, compact to]
const story: readonly [number, number, number][] = [
  [0, 50, 0], // nothing is old enough
  [500, 60, 0],
  [999, 70, 0],
  [1000, 71, 50], // what was there at 0
  [1600, 72, 60],
  [1999, 75, 65], // 70 is old enough, but ten are kept
  [9000, 75, 65],
  [9001, 200, 100], // more than a hundred: age does not count
  [9500, 300, 200],
  [20_000, 301, 291],
];

test("history is kept for its time, at least so many revisions, at most so many", () => {
  const retention = new Retention(options);
  for (const [now, revision, expected] of story)
    assert.equal(retention.compactTo(now, revision), expected, `at ${now} ms`);
});

test("a store compacts by itself", async () => {
  await using store = createMemoryStore({ retention: { intervalMs: 0 } });
  for (let i = 0; i < 30; i++) await store.commit([put("/a", `${i}`)]);
  const compacted = Promise.withResolvers<number>();
  const observed = {
    get revision() {
      return store.revision;
    },
    get compactedRevision() {
      return store.compactedRevision;
    },
    compact: async (revision: number) => {
      await store.compact(revision);
      compacted.resolve(revision);
    },
  };
  using _ = compactRegularly(observed, { maxRevisions: 20, intervalMs: 1 }, compacted.reject);
  // The timer does not keep the process alive; this does.
  const alive = setInterval(() => {}, 1000);
  assert.equal(await compacted.promise, 10);
  clearInterval(alive);
});

test("a compaction that fails is told and tried again", async () => {
  const errors: unknown[] = [];
  const twice = Promise.withResolvers<void>();
  const failing = {
    revision: 30,
    compactedRevision: 0,
    compact: async () => {
      throw new Error("no");
    },
  };
  using _ = compactRegularly(failing, { maxRevisions: 20, intervalMs: 1 }, (error) => {
    if (errors.push(error) === 2) twice.resolve();
  });
  const alive = setInterval(() => {}, 1000);
  await twice.promise;
  clearInterval(alive);
});
