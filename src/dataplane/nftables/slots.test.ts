import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fillSlots } from "./slots.ts";

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
