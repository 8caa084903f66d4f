import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Entry } from "../store.ts";
import { SortedEntries } from "./sorted-entries.ts";

function entry(key: string, modRevision = 1): Entry {
  return { key, value: new Uint8Array(), createRevision: 1, modRevision };
}

test("holds what a sorted map holds, through splits and joins of leaves", () => {
  // Few distinct keys, thousands of steps: leaves fill, split, drain and join.
  const key = fc.nat(2999).map((n) => `/${n % 3}/${n}`);
  const step = fc.record({ key, erase: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 3000, maxLength: 6000 }),
      fc.integer({ min: 1, max: 99 }),
      (steps, limit) => {
        const sorted = new SortedEntries();
        const map = new Map<string, Entry>();
        // First mostly puts, then mostly deletes.
        for (const [n, { key, erase }] of steps.entries()) {
          const isDelete = n > steps.length / 2 ? erase || n % 3 > 0 : erase && n % 3 === 0;
          const before = map.get(key);
          if (isDelete) {
            map.delete(key);
            assert.equal(sorted.delete(key), before);
          } else {
            const now = entry(key, n);
            map.set(key, now);
            assert.equal(sorted.set(now), before);
          }
          assert.equal(sorted.size, map.size);
        }
        const all = [...map.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
        assert.deepEqual(sorted.range("", undefined, Infinity), { entries: all, remaining: 0 });
        for (const prefix of ["/0/", "/1/", "/2/1", "/3/"]) {
          const under = all.filter(({ key }) => key.startsWith(prefix));
          const after = under[limit % Math.max(under.length, 1)]?.key;
          const rest = under.filter(({ key }) => after === undefined || key > after);
          assert.deepEqual(sorted.range(prefix, after, limit), {
            entries: rest.slice(0, limit),
            remaining: Math.max(rest.length - limit, 0),
          });
        }
        for (const [key, value] of map) assert.equal(sorted.get(key), value);
        assert.equal(sorted.get("/0/absent"), undefined);
      },
    ),
    { numRuns: 20 },
  );
});

test("a page that starts after a key below the prefix starts at the prefix", () => {
  const sorted = new SortedEntries();
  for (const key of ["/a/1", "/b/1", "/b/2"]) sorted.set(entry(key));
  assert.deepEqual(
    sorted.range("/b/", "/a/1", 1).entries.map(({ key }) => key),
    ["/b/1"],
  );
});
