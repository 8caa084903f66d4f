import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { clientTurns, isEven, ringFrom } from "./client-turns.ts";

const shares = fc
  .array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 })
  .map((weights) => weights.map((weight, name) => ({ name, weight })));
const counts = fc
  .array(fc.nat(30), { minLength: 6, maxLength: 6 })
  .map((list) => new Map(list.map((count, name) => [name, count])));

test("whoever is behind is first, then each in turn; of equals the first", () => {
  const equal = [0, 1, 2].map((name) => ({ name, weight: 1 }));
  assert.deepEqual(clientTurns(equal, new Map(), 6), [0, 1, 2, 0, 1, 2]);
  assert.deepEqual(
    clientTurns(
      equal,
      new Map([
        [0, 3],
        [1, 1],
        [2, 2],
      ]),
      6,
    ),
    [1, 1, 2, 0, 1, 2],
  );
  assert.deepEqual(
    clientTurns(
      [
        { name: 7, weight: 1 },
        { name: 8, weight: 2 },
      ],
      new Map(),
      6,
    ),
    [7, 8, 8, 7, 8, 8],
  );
});

test("each turn is that of an endpoint with the fewest clients for its weight", () => {
  fc.assert(
    fc.property(shares, counts, fc.nat(60), (endpoints, before, length) => {
      const now = new Map(before);
      const load = ({ name, weight }: (typeof endpoints)[number]): number => now.get(name)! / weight;
      for (const name of clientTurns(endpoints, before, length)) {
        assert.ok(load(endpoints[name]!) <= Math.min(...endpoints.map(load)) + 1e-9);
        now.set(name, now.get(name)! + 1);
      }
    }),
  );
});

test("a ring of whole rounds from level stays right as it is, whatever its next turn", () => {
  fc.assert(
    fc.property(shares, fc.nat(4), fc.nat(200), (endpoints, more, taken) => {
      const round = endpoints.reduce((sum, { weight }) => sum + weight, 0);
      const length = round * (1 + more);
      const ring = clientTurns(endpoints, new Map(), length);
      assert.ok(isEven(ring, endpoints));
      const after = new Map<number, number>();
      for (let turn = 0; turn < taken; turn++) {
        const name = ring[turn % length]!;
        after.set(name, (after.get(name) ?? 0) + 1);
      }
      assert.deepEqual(ringFrom(clientTurns(endpoints, after, length), taken % length), ring);
    }),
  );
});
