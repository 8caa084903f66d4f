import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cidr } from "../../base/ip.ts";
import { createFakeDataPlane } from "../fake/fake-data-plane.ts";
import { FakeKernel } from "../fake/kernel.ts";
import type { SetElement } from "../../net/nftables/model.ts";
import { Family } from "../../net/nftables/model.ts";
import { intervalChanges } from "./intervals.ts";
import { elementKey } from "./kernel-state.ts";
import { rangeElements } from "./ranges.ts";
import { TABLE_NAME } from "./ruleset.ts";

const RANGES4 = { family: Family.inet, table: TABLE_NAME, name: "ranges4", kind: "set" } as const;

function elements(...ranges: string[]): SetElement[] {
  return rangeElements(ranges.map(cidr), 4);
}

/** "10.0.0.0" for a start, "10.0.1.0 end" for an end. */
function text({ key, intervalEnd }: SetElement): string {
  return `${key.join(".")}${intervalEnd === true ? " end" : ""}`;
}

/** A new data plane on a kernel that has ranges `from` makes them `to`; what it said of it, and what is there then. */
async function change(kernel: FakeKernel, to: readonly string[]) {
  const warnings: string[] = [];
  const log = {
    debug() {},
    info() {},
    warn: (_fields: object, message: string) => void warnings.push(message),
    error: (_fields: object, message: string) => void warnings.push(message),
  };
  await using plane = createFakeDataPlane(kernel, { log });
  const { written } = await plane.sync({ ports: new Map(), ranges: to });
  return { written, warnings, found: kernel.elements(RANGES4).map(text).sort() };
}

test("an interval whose end changes is replaced whole; others stay", () => {
  const have = elements("10.0.0.0/24", "10.0.2.0/24", "10.0.4.0/24").map(elementKey).reverse();
  const { remove, add, kept, replaced } = intervalChanges(elements("10.0.0.0/24", "10.0.2.0/25"), have);
  assert.deepEqual(remove.map(text), ["10.0.2.0", "10.0.3.0 end", "10.0.4.0", "10.0.5.0 end"]);
  assert.deepEqual(add.map(text), ["10.0.2.0", "10.0.2.128 end"]);
  assert.deepEqual([kept, replaced], [2, 1]);
});

test("an end without a start, a start without an end, and intervals that touch", () => {
  const have = [
    ...elements("255.255.255.0/24"),
    ...elements("10.0.1.0/24"),
    ...elements("10.0.0.0/24"),
    { key: new Uint8Array(4), intervalEnd: true },
  ];
  assert.deepEqual(intervalChanges([], have.map(elementKey)).remove.map(text), [
    "0.0.0.0 end",
    "10.0.0.0",
    "10.0.1.0 end",
    "10.0.1.0",
    "10.0.2.0 end",
    "255.255.255.0",
  ]);
});

test("several ranges are removed in place, not by making the table anew", async () => {
  const kernel = new FakeKernel();
  await change(kernel, ["10.96.0.0/16", "10.98.0.0/16", "10.100.0.0/16", "10.102.0.0/16"]);
  const { written, warnings, found } = await change(kernel, ["10.98.0.0/16"]);
  assert.deepEqual(warnings, []);
  assert.equal(written, 6);
  assert.deepEqual(found, ["10.98.0.0", "10.99.0.0 end"]);
});

test("any ranges become any others in place", async () => {
  const range = fc
    .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 1, max: 32 }))
    .map(([byte, length]) => {
      const value = (((byte * 0x01010101) >>> (32 - length)) << (32 - length)) >>> 0;
      return `${[24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".")}/${length}`;
    });
  const ranges = fc.array(range, { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.array(ranges, { minLength: 2, maxLength: 5 }), async (states) => {
      const kernel = new FakeKernel();
      for (const state of states) {
        const { warnings, found } = await change(kernel, state);
        assert.deepEqual(warnings, []);
        assert.deepEqual(
          found,
          elements(...state)
            .map(text)
            .sort(),
        );
      }
    }),
    { numRuns: 60 },
  );
});
