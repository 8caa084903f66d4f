import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Balance } from "../table.ts";
import { type Balancer, createBalancer } from "./balancer.ts";
import { type Target, targetOf } from "./target.ts";

function targets(...weights: readonly number[]): Target[] {
  return weights.map((weight, i) => targetOf({ address: `10.0.0.${i + 1}`, port: 80, weight }));
}

/** The last octet of each of `n` picks. */
function picks(balancer: Balancer, n: number, port = 1000): string {
  const client = { address: "192.0.2.1", port };
  return Array.from({ length: n }, () => balancer.pick(client, undefined)!.name.slice(7, 8)).join("");
}

/** Numbers that look random and are the same in every run (a linear congruential generator, Numerical Recipes). */
function random(): () => number {
  let state = 1;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

suite("round robin", () => {
  const cases: readonly (readonly [weights: readonly number[], start: number, picks: string])[] = [
    [[1, 1, 1], 0, "123123"],
    [[1, 1, 1], 0.99, "312312"],
    [[7, 7], 0, "1212"],
    // The heavy one's turns lie between those of the others: the sequence of nginx's own description.
    [[5, 1, 1], 0, "1121311"],
    [[3, 1], 0, "11211121"],
  ];
  for (const [weights, start, expected] of cases)
    test(`of weights ${weights.join(", ")} from ${start}: ${expected}`, () => {
      const balancer = createBalancer("round-robin", targets(...weights), () => start);
      assert.equal(picks(balancer, expected.length), expected);
    });
});

suite("random", () => {
  for (const weights of [
    [1, 1, 1, 1],
    [1, 2, 5],
  ])
    test(`of weights ${weights.join(", ")} gives each its share`, () => {
      const balancer = createBalancer("random", targets(...weights), random());
      const all = picks(balancer, 8000);
      const sum = weights.reduce((a, b) => a + b);
      for (const [i, weight] of weights.entries()) {
        const share = all.split(String(i + 1)).length - 1;
        assert.ok(Math.abs(share - (8000 * weight) / sum) < 150, `${share} for weight ${weight} of ${sum}`);
      }
    });
});

suite("the source's hash", () => {
  test("gives a client the same backend from all its ports, on every node", () => {
    const [one, other] = [random(), () => 0.5].map((chance) =>
      createBalancer("source", targets(1, 1, 1), chance),
    );
    const first = picks(one!, 1);
    for (let port = 1; port < 50; port++)
      assert.equal(picks(one!, 1, port) + picks(other!, 1, port), first + first);
  });

  test("with the port spreads a client's connections, and the same port comes to the same backend", () => {
    const balancer = createBalancer("source-port", targets(1, 1, 1), random());
    const seen = Array.from({ length: 60 }, (_, port) => picks(balancer, 1, port));
    assert.deepEqual(new Set(seen), new Set(["1", "2", "3"]));
    assert.deepEqual(
      Array.from({ length: 60 }, (_, port) => picks(balancer, 1, port)),
      seen,
    );
  });

  test("keeps nearly all clients where they are when a backend leaves", () => {
    const all = targets(1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    const gone = all[4]!;
    const before = createBalancer("source", all, random());
    const after = createBalancer(
      "source",
      all.filter((target) => target !== gone),
      random(),
    );
    let moved = 0;
    for (let i = 0; i < 2000; i++) {
      const client = { address: `192.0.${i >> 8}.${i & 255}`, port: 1 };
      const had = before.pick(client, undefined)!;
      if (had !== gone && after.pick(client, undefined) !== had) moved++;
    }
    assert.ok(moved < 120, `${moved} of 2000 moved without need`);
  });
});

for (const balance of [
  "random",
  "round-robin",
  "source",
  "source-port",
] as const satisfies readonly Balance[])
  for (const weights of [
    [1, 1, 1],
    [3, 1, 1],
  ])
    test(`${balance} of weights ${weights.join(", ")} does not give what was tried, until there is nothing left`, () => {
      const all = targets(...weights);
      const balancer = createBalancer(balance, all, random());
      const tried = new Set<Target>();
      const client = { address: "192.0.2.1", port: 1000 };
      for (
        let target = balancer.pick(client, tried);
        target !== undefined;
        target = balancer.pick(client, tried)
      ) {
        assert.ok(!tried.has(target));
        tried.add(target);
      }
      assert.equal(tried.size, 3);
      assert.equal(createBalancer(balance, [], random()).pick(client, undefined), undefined);
    });
