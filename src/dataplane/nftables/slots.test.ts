import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MAX_SLOTS } from "./pickers.ts";
import { fillSlots, shareSlots, slotsFor } from "./slots.ts";

test("as few slots change as can", () => {
  const rows: [was: (string | undefined)[], wanted: string[], is: string[]][] = [
    [[], ["a", "b"], ["a", "b"]],
    [
      ["a", "b"],
      ["b", "a"],
      ["a", "b"],
    ],
    [
      ["a", "b", "c"],
      ["a", "x", "c"],
      ["a", "x", "c"],
    ],
    [
      ["a", "b", "c"],
      ["b", "c"],
      ["c", "b"],
    ],
    [
      ["a", "b", "c"],
      ["a", "b"],
      ["a", "b"],
    ],
    [
      ["a", "b"],
      ["c", "b", "a"],
      ["a", "b", "c"],
    ],
    [["a", "b"], [], []],
    [
      ["a", undefined, "c"],
      ["c", "b", "a"],
      ["a", "b", "c"],
    ],
    [
      ["a", "a"],
      ["a", "b"],
      ["a", "b"],
    ],
  ];
  for (const [was, wanted, is] of rows)
    assert.deepEqual(fillSlots(was, wanted), is, `${was.join()} -> ${wanted.join()}`);
});

const letters = fc.uniqueArray(fc.stringMatching(/^[a-l]$/), { maxLength: 12 });

test("everybody wanted has one slot, and nobody moves without need", () => {
  fc.assert(
    fc.property(letters, letters, (was, wanted) => {
      const is = fillSlots(was, wanted);
      assert.deepEqual(is.toSorted(), wanted.toSorted());
      was.forEach((endpoint, slot) => {
        if (slot < wanted.length && wanted.includes(endpoint)) assert.equal(is[slot], endpoint);
      });
    }),
  );
});

const weighted = (weights: Record<string, number>) =>
  Object.entries(weights).map(([key, weight]) => ({ key, weight }));

test("weights are reduced to the fewest slots, and to some even for the lightest", () => {
  const shares = (weights: Record<string, number>) =>
    shareSlots(weighted(weights)).map(({ weight }) => weight);
  assert.deepEqual(shares({ a: 100, b: 300, c: 600 }), [1, 3, 6]);
  assert.deepEqual(shares({ a: 1, b: 1000 }), [1, 997], "a thousand slots are enough");
  assert.deepEqual(shares({ a: 7, b: 7 }), [1, 1]);
});

test("any endpoints of any weights have their shares, in no more slots than there may be", () => {
  const endpoints = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(endpoints, (weights) => {
      const shares = shareSlots(weights.map((weight, index) => ({ key: `${index}`, weight })));
      const total = shares.reduce((sum, { weight }) => sum + weight, 0);
      const sum = weights.reduce((sum, weight) => sum + weight, 0);
      assert.ok(total <= Math.max(1000, 16 * weights.length), `${total} slots`);
      for (const [index, { weight }] of shares.entries()) {
        assert.ok(weight >= 1);
        // A slot more or less, and up to a sixteenth that is left for those who have one slot for less.
        const share = (weights[index]! * total) / sum;
        assert.ok(Math.abs(weight - share) <= 1 + share / 8, `${weight} slots for a share of ${share}`);
      }
    }),
  );
  const many = Array.from({ length: MAX_SLOTS }, (_, index) => ({
    key: `${index}`,
    weight: 1 + (index % 9),
  }));
  assert.equal(shareSlots(many).length, MAX_SLOTS);
  assert.ok(shareSlots(many).reduce((sum, { weight }) => sum + weight, 0) <= MAX_SLOTS);
});

test("in a round of turns by weight, each has its turns as far apart as can be", () => {
  assert.equal(slotsFor(weighted({ a: 5, b: 1, c: 1 }), "round-robin", []).join(""), "aabacaa");
  assert.equal(slotsFor(weighted({ a: 2, b: 4 }), "round-robin", []).join(""), "bab");
});

test("slots by hash are the same on every node, whatever the order of the endpoints and what was before", () => {
  const endpoints = weighted({ a: 1, b: 2, c: 1 });
  const slots = slotsFor(endpoints, "source", []);
  assert.deepEqual(slotsFor(endpoints.toReversed(), "source-port", ["c", "b"]), slots);
  assert.equal(slots.length, 1021);
});

test("by weight, too, as few slots change as can", () => {
  const before = slotsFor(weighted({ a: 1, b: 3 }), "random", []);
  const after = slotsFor(weighted({ a: 1, b: 3, c: 1 }), "random", before);
  assert.deepEqual(after.slice(0, 4), before);
  assert.deepEqual(slotsFor(weighted({ a: 1, b: 1 }), "random", before).toSorted(), ["a", "b"]);
});
