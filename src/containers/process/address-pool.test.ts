import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cidr, cidrContains, formatIp, ip } from "../../base/ip.ts";
import { AddressPool } from "./address-pool.ts";

test("addresses come in order, without the network's own, the gateway's and the broadcast address", () => {
  const pool = new AddressPool(cidr("10.244.0.0/29"), 1);
  const given = Array.from({ length: 5 }, () => formatIp(pool.allocate()!));
  assert.deepEqual(given, ["10.244.0.2", "10.244.0.3", "10.244.0.4", "10.244.0.5", "10.244.0.6"]);
  assert.equal(pool.allocate(), undefined);
  assert.equal(formatIp(new AddressPool(cidr("fd00::/64"), 1).allocate()!), "fd00::2");
});

test("a released address rests until the range has gone round", () => {
  const pool = new AddressPool(cidr("10.0.0.0/29"));
  const first = pool.allocate()!;
  pool.release(first);
  const next = Array.from({ length: 5 }, () => pool.allocate()!);
  assert.ok(!next.some(({ value }) => value === first.value));
  assert.equal(formatIp(pool.allocate()!), formatIp(first));
});

test("what an earlier run gave is taken again, and only that", () => {
  const pool = new AddressPool(cidr("10.0.0.0/29"), 1);
  const table: [string, boolean][] = [
    ["10.0.0.4", true],
    ["10.0.0.4", false],
    ["10.0.0.1", false],
    ["10.0.0.0", false],
    ["10.0.0.7", false],
    ["10.0.1.4", false],
    ["fd00::4", false],
  ];
  for (const [address, taken] of table) assert.equal(pool.take(ip(address)), taken, address);
  assert.equal(formatIp(pool.allocate()!), "10.0.0.5");
});

test("a range without room is refused, and so is a second release", () => {
  assert.throws(() => new AddressPool(cidr("10.0.0.0/31")), /10\.0\.0\.0\/31 has no room/);
  const pool = new AddressPool(cidr("10.0.0.0/30"));
  const address = pool.allocate()!;
  pool.release(address);
  assert.throws(() => pool.release(address), /10\.0\.0\.1 was not taken/);
});

test("whatever is done, no address has two owners and all of the range can be had", () => {
  const steps = fc.array(fc.oneof(fc.constant("allocate" as const), fc.nat({ max: 20 })), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (steps) => {
      const pool = new AddressPool(cidr("10.0.0.0/28"));
      const owned: bigint[] = [];
      for (const step of steps) {
        if (step !== "allocate") {
          const [value] = owned.splice(step, 1);
          if (value !== undefined) pool.release({ family: 4, value });
          continue;
        }
        const address = pool.allocate();
        assert.equal(address === undefined, owned.length === 14);
        if (address === undefined) continue;
        assert.ok(cidrContains(pool.range, address) && !owned.includes(address.value));
        owned.push(address.value);
      }
      assert.equal(pool.size, owned.length);
    }),
  );
});
