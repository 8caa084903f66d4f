import assert from "node:assert/strict";
import { test } from "node:test";
import { TurnGate } from "./turn-gate.ts";

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test("of those that come together so many pass in each turn, in their order; later ones do not overtake", async () => {
  const gate = new TurnGate(3);
  const passed: number[] = [];
  const come = async (n: number): Promise<void> => {
    await gate.pass();
    passed.push(n);
  };
  const all = Array.from({ length: 7 }, async (_, n) => come(n));
  assert.equal(passed.length, 0);
  const counts: number[] = [];
  for (let i = 0; i < 4; i++) {
    await Promise.resolve();
    counts.push(passed.length);
    if (i === 1) all.push(come(7));
    await turn();
  }
  await Promise.all(all);
  assert.deepEqual(passed, [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(counts.slice(0, 2), [3, 6]);
});

test("who comes alone never waits", async () => {
  const gate = new TurnGate(1);
  for (let i = 0; i < 3; i++) {
    assert.equal(gate.pass(), undefined);
    await turn();
  }
});
