import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { FanOut } from "./fan-out.ts";

/** Milliseconds of work. */
function busy(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

/** Adds `count` works of a millisecond each; the turn of the event loop that each ran in. */
async function turnsOf(count: number, add: (work: () => void, fanOut: FanOut) => void): Promise<number[]> {
  const fanOut = new FanOut();
  const ran: number[] = [];
  const order: number[] = [];
  let turn = 0;
  for (let i = 0; i < count; i++)
    add(() => {
      busy(1);
      ran.push(turn);
      order.push(i);
    }, fanOut);
  while (ran.length < count) {
    await nextTurn();
    turn++;
    assert.ok(turn < 1000, `${ran.length} of ${count} works ran`);
  }
  assert.deepEqual(
    order,
    order.map((_, i) => i),
  );
  return ran;
}

function most(turns: readonly number[]): number {
  return Math.max(...[...Map.groupBy(turns, (turn) => turn).values()].map(({ length }) => length));
}

test("works that come together are done in order, a few in each turn of the event loop", async () => {
  const turns = await turnsOf(50, (run, fanOut) => fanOut.add({ run }));
  // Two of our turns may fall into what this test counts as one.
  assert.ok(most(turns) <= 18, turns.join(" "));
});

test("works that come one by one in the same turn share it", async () => {
  let before = Promise.resolve();
  const turns = await turnsOf(50, (run, fanOut) => {
    // Each after the one before had the time to run.
    before = before.then(async () => {
      fanOut.add({ run });
      for (let i = 0; i < 5; i++) await Promise.resolve();
    });
  });
  assert.ok(most(turns) <= 18, turns.join(" "));
});

test("a work is not run before the one who adds it has returned, and may add others", async () => {
  const fanOut = new FanOut();
  const ran: string[] = [];
  const again = { run: () => void ran.push("again") };
  fanOut.add({
    run() {
      ran.push("first");
      fanOut.add(again);
    },
  });
  fanOut.add({ run: () => void ran.push("second") });
  assert.deepEqual(ran, []);
  await nextTurn();
  assert.deepEqual(ran, ["first", "second", "again"]);
});
