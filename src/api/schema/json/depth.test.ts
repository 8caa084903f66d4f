import assert from "node:assert/strict";
import { test } from "node:test";
import { isTooDeep, MAX_DEPTH } from "./depth.ts";

function nested(depth: number, [open, close]: readonly [string, string]): unknown {
  return JSON.parse(open.repeat(depth) + close.repeat(depth).replace(/^\}/, "1}"));
}

test("nesting is measured through arrays and objects, to the limit and no further", () => {
  for (const brackets of [
    ["[", "]"],
    ['{"a":', "}"],
  ] as const) {
    assert.equal(isTooDeep(nested(MAX_DEPTH, brackets)), false);
    assert.equal(isTooDeep(nested(MAX_DEPTH + 1, brackets)), true);
    assert.equal(isTooDeep(nested(100_000, brackets)), true);
  }
  assert.equal(isTooDeep("x"), false);
  assert.equal(isTooDeep(Array.from({ length: 10_000 }, () => [[]])), false);
});
