import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cidr } from "../../base/ip.ts";
import { AddressRange } from "./address-range.ts";
import { NotInRangeError, RangeFullError, TakenError } from "./errors.ts";
import { staticBandSize } from "./pool.ts";
import { PortRange } from "./port-range.ts";
import { AllocationTransaction } from "./transaction.ts";

/** Numbers as even as dice, the same in every run. */
function dice(seed = 1): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

function takeAll(range: AddressRange): string[] {
  const transaction = new AllocationTransaction("all", false);
  const taken: string[] = [];
  try {
    for (;;) taken.push(transaction.takeAny(range));
  } catch (error) {
    assert.ok(error instanceof RangeFullError);
    assert.equal(error.message, "range is full");
  }
  transaction.commit();
  return taken;
}

test("static bands have the sizes of KEP-3070 and KEP-3668", () => {
  const table: [size: number, least: number, divisor: number, most: number, band: number][] = [
    [65536, 16, 16, 256, 256], // addresses /16
    [1024, 16, 16, 256, 64], // /22
    [256, 16, 16, 256, 16], // /24
    [64, 16, 16, 256, 16], // /26
    [16, 16, 16, 256, 0], // /28
    [2768, 16, 32, 128, 86], // ports 30000-32767
    [16, 16, 32, 128, 0],
  ];
  for (const [size, least, divisor, most, band] of table)
    assert.equal(staticBandSize(size, least, divisor, most), band, `of ${size}`);
});

test("addresses come from the dynamic band until it is full, then from the static one, and never the ends", () => {
  const range = new AddressRange(cidr("10.0.0.0/24"), dice());
  const taken = takeAll(range);
  assert.equal(taken.length, 254);
  assert.equal(new Set(taken).size, 254);
  assert.ok(!taken.includes("10.0.0.0") && !taken.includes("10.0.0.255"));
  const last = (address: string): number => Number(address.split(".")[3]);
  assert.ok(taken.slice(0, 238).every((address) => last(address) > 16));
  assert.ok(taken.slice(238).every((address) => last(address) <= 16));
});

test("a small range has no bands, and IPv6 has no broadcast address", () => {
  assert.equal(takeAll(new AddressRange(cidr("10.0.0.0/29"), dice())).length, 6);
  assert.equal(takeAll(new AddressRange(cidr("fd00::/120"), dice())).length, 255);
});

test("a large IPv6 range gives out addresses without being walked", () => {
  const range = new AddressRange(cidr("fd00:1::/64"), dice());
  const transaction = new AllocationTransaction("one", false);
  const address = transaction.takeAny(range);
  assert.match(address, /^fd00:1::/);
  assert.throws(() => transaction.take(range, address), TakenError);
});

test("refusals are in Kubernetes' words", () => {
  const addresses = new AddressRange(cidr("10.0.0.0/24"), dice());
  const ports = new PortRange(30000, 32767, dice());
  const transaction = new AllocationTransaction("one", false);
  transaction.take(addresses, "10.0.0.7");
  transaction.take(ports, 30001);
  const table: [() => unknown, string][] = [
    [() => transaction.take(addresses, "10.0.0.7"), "provided IP is already allocated"],
    ...["10.0.0.0", "10.0.0.255", "10.0.1.1", "fd00::1", "x"].map((address): [() => unknown, string] => [
      () => transaction.take(addresses, address),
      `the provided IP (${address}) is not in the valid range. The range of valid IPs is 10.0.0.0/24`,
    ]),
    [() => transaction.take(ports, 30001), "provided port is already allocated"],
    [
      () => transaction.take(ports, 29999),
      "provided port is not in the valid range. The range of valid ports is 30000-32767",
    ],
  ];
  for (const [run, message] of table) assert.throws(run, { message });
  assert.throws(() => transaction.take(addresses, "1.1.1.1"), NotInRangeError);
});

test("a stale release frees nothing that somebody else took since", () => {
  const range = new AddressRange(cidr("10.0.0.0/24"), dice());
  const first = new AllocationTransaction("a", false);
  first.take(range, "10.0.0.9");
  first.commit();
  const release = new AllocationTransaction("a", false);
  release.release(range, "10.0.0.9", "a");
  release.commit();
  const second = new AllocationTransaction("b", false);
  second.take(range, "10.0.0.9");
  second.commit();
  const stale = new AllocationTransaction("a", false);
  stale.release(range, "10.0.0.9", "a");
  stale.commit();
  assert.equal(range.pool.owner(9), "b");
});

test("whatever is taken, given back, reverted or tried dry: a number has one owner, and nothing leaks", () => {
  const step = fc.record({
    address: fc.option(fc.integer({ min: 0, max: 31 }), { nil: undefined }),
    release: fc.boolean(),
    fate: fc.constantFrom("commit", "revert", "dry"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 1e6 }), (steps, seed) => {
      const range = new AddressRange(cidr("10.0.0.0/27"), dice(seed));
      const model = new Map<string, string>();
      for (const [i, { address, release, fate }] of steps.entries()) {
        const owner = `owner-${i}`;
        const transaction = new AllocationTransaction(owner, fate === "dry");
        const [victim] = release ? model : [];
        if (victim !== undefined) transaction.release(range, victim[0], victim[1]);
        let taken: string | undefined;
        try {
          taken =
            address === undefined ? transaction.takeAny(range) : transaction.take(range, `10.0.0.${address}`);
          assert.ok(!model.has(taken), `${taken} given twice`);
        } catch (error) {
          assert.ok(!(error instanceof assert.AssertionError), error as Error);
        }
        if (fate === "commit" && taken !== undefined) {
          transaction.commit();
          if (victim !== undefined) model.delete(victim[0]);
          model.set(taken, owner);
        } else transaction.revert();
      }
      assert.equal(range.pool.taken, model.size);
      for (const [address, owner] of model)
        assert.equal(range.pool.owner(Number(address.split(".")[3])), owner);
    }),
  );
});
