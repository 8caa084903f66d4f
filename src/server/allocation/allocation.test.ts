import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cidr, type IpFamily } from "../../base/ip.ts";
import { AddressSpace } from "./address-space.ts";
import { pickFree, staticBandSize } from "./bands.ts";
import { NotInRangeError, RangeFullError, TakenError } from "./errors.ts";
import { Ledger } from "./ledger.ts";
import { PortSpace } from "./port-space.ts";
import { createServiceRanges, placeOfAddress } from "./ranges.ts";
import { AllocationTransaction } from "./transaction.ts";

/** Numbers as even as dice, the same in every run. */
function dice(seed = 1): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

function space(...ranges: readonly string[]): AddressSpace {
  const family: IpFamily = ranges[0]!.includes(":") ? 6 : 4;
  const made = new AddressSpace(family, dice());
  made.setRanges(ranges.map((text) => ({ cidr: cidr(text), ready: true })));
  return made;
}

function transaction(name = "web", dryRun = false): AllocationTransaction {
  return new AllocationTransaction({ service: { namespace: "default", name }, dryRun, now: 0 });
}

/** The number of an address in a range that starts at 10.0.0.0. */
const at = (offset: number): bigint => 0x0a000000n + BigInt(offset);

function takeAll(from: AddressSpace): string[] {
  const all = transaction();
  const taken: string[] = [];
  assert.throws(() => {
    for (;;) taken.push(from.text(all.takeAny(from)));
  }, new RangeFullError());
  all.commit(1);
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

test("a number is picked wherever one is free, and undefined is said only when none is", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 80 }), fc.integer({ min: 1 }), (free, seed) => {
      const number = pickFree(5, 5 + free.length, (n) => free[n - 5] === true, dice(seed));
      if (number === undefined) assert.ok(!free.includes(true));
      else assert.equal(free[number - 5], true);
    }),
  );
});

test("addresses come from the dynamic band until it is full, then from the static one, and never the ends", () => {
  const taken = takeAll(space("10.0.0.0/24"));
  assert.equal(taken.length, 254);
  assert.equal(new Set(taken).size, 254);
  assert.ok(!taken.includes("10.0.0.0") && !taken.includes("10.0.0.255"));
  const last = (address: string): number => Number(address.split(".")[3]);
  assert.ok(taken.slice(0, 238).every((address) => last(address) > 16));
  assert.ok(taken.slice(238).every((address) => last(address) <= 16));
});

test("a small range has no bands, and IPv6 has no broadcast address", () => {
  assert.equal(takeAll(space("10.0.0.0/29")).length, 6);
  assert.equal(takeAll(space("10.0.0.0/31")).length, 0);
  assert.equal(takeAll(space("fd00::/120")).length, 255);
});

test("several ranges, overlapping or not, are used up together; nothing is given twice", () => {
  const apart = takeAll(space("10.0.0.0/28", "10.0.1.0/28"));
  assert.equal(new Set(apart).size, 28);
  // The end of the smaller range is an ordinary address of the larger one.
  const within = takeAll(space("10.0.0.0/28", "10.0.0.0/27"));
  assert.equal(new Set(within).size, 30);
  assert.equal(within.length, 30);
});

test("a second range is used before the static band of the first", () => {
  const both = space("10.0.0.0/24", "10.0.1.0/24");
  const taken = takeAll(both);
  const firstStatic = taken.findIndex((address) => /^10\.0\.[01]\.([1-9]|1[0-6])$/.test(address));
  assert.equal(firstStatic, 2 * 238);
});

test("a range that is not ready gives nothing out and lets nothing be asked for", () => {
  const made = new AddressSpace(4, dice());
  made.setRanges([
    { cidr: cidr("10.0.0.0/24"), ready: false },
    { cidr: cidr("10.0.1.0/28"), ready: true },
    { cidr: cidr("fd00::/64"), ready: true },
  ]);
  assert.throws(() => transaction().take(made, at(7)), {
    message: "the provided network does not match the current range",
  });
  assert.ok(takeAll(made).every((address) => address.startsWith("10.0.1.")));
  assert.equal(made.ranges.length, 2);
});

test("a large IPv6 range gives out addresses without being walked", () => {
  const large = space("fd00:1::/64");
  const taking = transaction();
  const address = taking.takeAny(large);
  assert.match(large.text(address), /^fd00:1::/);
  assert.throws(() => taking.take(large, address), TakenError);
});

test("refusals are in Kubernetes' words", () => {
  const addresses = space("10.0.0.0/24");
  const ports = new PortSpace(30000, 32767, dice());
  const taking = transaction();
  taking.take(addresses, at(7));
  taking.take(ports, 30001);
  const table: [() => unknown, string][] = [
    [() => taking.take(addresses, at(7)), "provided IP is already allocated"],
    ...[0, 255].map((offset): [() => unknown, string] => [
      () => taking.take(addresses, at(offset)),
      `the provided IP (10.0.0.${offset}) is not in the valid range. The range of valid IPs is 10.0.0.0/24`,
    ]),
    [() => taking.take(addresses, at(256)), "the provided network does not match the current range"],
    [() => taking.take(ports, 30001), "provided port is already allocated"],
    [
      () => taking.take(ports, 29999),
      "provided port is not in the valid range. The range of valid ports is 30000-32767",
    ],
  ];
  for (const [run, message] of table) assert.throws(run, { message });
  assert.throws(() => taking.take(addresses, at(300)), NotInRangeError);
});

test("what another Service is known to hold is not given back", () => {
  const addresses = space("10.0.0.0/24");
  addresses.ledger.observe(at(9), "services/default/other", 1);
  const release = transaction();
  release.release(addresses, at(9));
  assert.deepEqual(release.operations, []);
});

test("a write takes along the IPAddress as the allocator makes it", () => {
  const taking = transaction();
  taking.take(space("fd00::/64"), (0xfd00n << 112n) | 7n);
  const [operation] = taking.operations;
  assert.ok(operation?.type === "put");
  assert.equal(operation.key, "/registry/networking.k8s.io/ipaddresses/fd00::7");
  assert.equal(operation.expect, 0);
  const { metadata, spec } = JSON.parse(Buffer.from(operation.value).toString()) as {
    metadata: Record<string, unknown>;
    spec: unknown;
  };
  assert.deepEqual(metadata["labels"], {
    "ipaddress.kubernetes.io/ip-family": "IPv6",
    "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
  });
  assert.deepEqual(spec, { parentRef: { resource: "services", namespace: "default", name: "web" } });
});

test("an installation has one range, or one of each family", () => {
  const nodePorts = { first: 30000, last: 30001 };
  for (const wrong of [[], ["10.0.0.0/24", "10.1.0.0/24"]])
    assert.throws(() => createServiceRanges({ serviceCidrs: wrong.map(cidr), nodePorts }), RangeError);
  const ranges = createServiceRanges({ serviceCidrs: [cidr("10.0.0.0/24")], nodePorts });
  assert.equal(placeOfAddress(ranges, "10.0.0.7")?.address, at(7));
  assert.deepEqual(ranges.ipFamilies, ["IPv4"]);
});

test("a ledger ends up as the watch tells, however late it tells and whatever was known before", () => {
  // The true history of one number: who holds it after each revision.
  const history = fc.array(fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }), {
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(history, fc.array(fc.nat(11)), (states, early) => {
      const ledger = new Ledger<number>();
      const hints = [...early];
      for (const [i, holder] of states.entries()) {
        // Own commits and refusals tell of any revision, in any order.
        for (const n of hints.splice(0, 2))
          if (n < states.length) {
            ledger.learn(1, states[n], n + 1);
            if (n >= i) assert.equal(ledger.holder(1), latest(ledger, states, n, i));
          }
        ledger.observe(1, holder, i + 1);
        ledger.observedUntil(i + 1);
      }
      for (const n of hints) if (n < states.length) ledger.learn(1, states[n], n + 1);
      assert.equal(ledger.holder(1), states.at(-1));
    }),
  );

  /** What is known after learning of revision n + 1, which is later than the watch: that, unless more was known. */
  function latest(
    ledger: Ledger<number>,
    states: readonly (string | undefined)[],
    n: number,
    watched: number,
  ): string | undefined {
    const known = states.slice(Math.max(n, watched));
    const holder = ledger.holder(1);
    return known.includes(holder) ? holder : states[n];
  }
});

test("whatever is taken, given back, reverted or tried dry: a number has one holder, and nothing leaks", () => {
  const step = fc.record({
    address: fc.option(fc.integer({ min: 0, max: 31 }), { nil: undefined }),
    release: fc.boolean(),
    fate: fc.constantFrom("commit", "revert", "dry"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const range = space("10.0.0.0/27");
      const model = new Map<bigint, string>();
      for (const [i, { address, release, fate }] of steps.entries()) {
        const name = `s${i}`;
        const [victim] = release ? model : [];
        // A Service gives back what it holds, and takes something in the same write.
        const taking = transaction(victim === undefined ? name : victim[1], fate === "dry");
        if (victim !== undefined) taking.release(range, victim[0]);
        let taken: bigint | undefined;
        try {
          if (address === undefined) taken = taking.takeAny(range);
          else {
            taking.take(range, at(address));
            taken = at(address);
          }
          assert.ok(!model.has(taken), `${range.text(taken)} given twice`);
        } catch (error) {
          assert.ok(!(error instanceof assert.AssertionError), error as Error);
        }
        if (fate === "commit" && taken !== undefined) {
          taking.commit(i + 1);
          if (victim !== undefined) model.delete(victim[0]);
          model.set(taken, victim === undefined ? name : victim[1]);
        } else taking.revert();
      }
      assert.equal(range.ledger.size, model.size);
      for (const [address, name] of model) {
        assert.equal(range.ledger.holder(address), `services/default/${name}`);
        assert.ok(!range.ledger.isFree(address));
      }
      for (let offset = 0; offset < 32; offset++)
        assert.equal(range.ledger.isFree(at(offset)), !model.has(at(offset)));
    }),
  );
});
