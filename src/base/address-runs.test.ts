import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressesIn, type AddressRun, isInRun, runsOf, runsText, runsWithout } from "./address-runs.ts";

const small = fc.bigInt({ min: 0n, max: 40n });
const anyRun: fc.Arbitrary<AddressRun> = fc
  .tuple(small, small)
  .map(([a, b]) => (a < b ? { first: a, last: b } : { first: b, last: a }));

test("runs are as few as can be, and read as people write them", () => {
  assert.equal(runsText(runsOf([3n, 1n, 2n, 9n, 2n]), 4), "0.0.0.1-0.0.0.3, 0.0.0.9");
  assert.equal(runsText(runsOf([2n, 1n]), 6), "::1-::2");
  assert.equal(runsText([], 4), "");
});

test("what is in no hole is left, in order, whichever way the holes lie", () => {
  fc.assert(
    fc.property(anyRun, fc.array(anyRun), (whole, holes) => {
      const left = runsWithout(whole, holes);
      for (let at = 0n; at <= 41n; at++)
        assert.equal(
          left.some((run) => isInRun(run, at)),
          isInRun(whole, at) && !holes.some((hole) => isInRun(hole, at)),
        );
      const all = [...addressesIn(left)];
      assert.deepEqual(
        all,
        all.toSorted((a, b) => Number(a - b)),
      );
    }),
  );
  assert.deepEqual(runsWithout({ first: 2n, last: 1n }, [{ first: 0n, last: 0n }]), []);
});
