import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cidrCover } from "./cidr-cover.ts";
import { cidrContains, cidrSize, formatCidr, ip, type Ip } from "./ip.ts";

test("the ranges that addresses make up", () => {
  const rows: [string[], string[]][] = [
    [[], []],
    [["100.1.1.3"], ["100.1.1.3/32"]],
    [
      ["100.1.1.4", "100.1.1.3", "100.1.1.3"],
      ["100.1.1.3/32", "100.1.1.4/32"],
    ],
    [
      ["100.1.1.5", "100.1.1.6", "100.1.1.4", "100.1.1.7", "100.1.1.3"],
      ["100.1.1.3/32", "100.1.1.4/30"],
    ],
    [
      ["255.255.255.255", "255.255.255.254", "fd00::1", "fd00::"],
      ["255.255.255.254/31", "fd00::/127"],
    ],
  ];
  for (const [addresses, ranges] of rows)
    assert.deepEqual(cidrCover(addresses.map(ip)).map(formatCidr), ranges, addresses.join());
});

test("they hold just these addresses, and no two of them make up one", () => {
  const some = fc
    .tuple(fc.constantFrom(4 as const, 6 as const), fc.array(fc.integer({ min: 0, max: 70 })))
    .map(([family, values]) => values.map((value): Ip => ({ family, value: BigInt(value) })));
  fc.assert(
    fc.property(some, (addresses) => {
      const ranges = cidrCover(addresses);
      const count = new Set(addresses.map(({ value }) => value)).size;
      assert.equal(
        ranges.reduce((sum, range) => sum + cidrSize(range), 0n),
        BigInt(count),
      );
      for (const address of addresses) assert.ok(ranges.some((range) => cidrContains(range, address)));
      for (const [i, { base, length }] of ranges.entries()) {
        const next = ranges[i + 1];
        const joined = next?.length === length && base.value + cidrSize(next) === next.base.value;
        assert.ok(!joined || (base.value & cidrSize(next)) !== 0n, ranges.map(formatCidr).join());
      }
    }),
  );
});
