import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { StartGate } from "./start-gate.ts";

test("of many works that want to start at once, so many start in each turn of the event loop, in order", async () => {
  const gate = new StartGate(4);
  const started: number[] = [];
  for (let i = 0; i < 20; i++) void gate.pass().then(() => started.push(i));
  let before = 0;
  for (let turn = 0; started.length < 20; turn++) {
    assert.ok(turn < 20);
    await nextTurn();
    // Two turns of the gate may fall into one of this test.
    assert.ok(started.length - before <= 8, `${started.length - before} in a turn`);
    before = started.length;
  }
  assert.deepEqual(
    started,
    started.map((_, i) => i),
  );
});

test("who comes later, in a turn with room, starts at once", async () => {
  const gate = new StartGate(1);
  await gate.pass();
  await nextTurn();
  await nextTurn();
  let started = false;
  void gate.pass().then(() => (started = true));
  await Promise.resolve();
  await Promise.resolve();
  assert.ok(started);
});
