import assert from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "./turns.ts";

function busy(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

test("several long works at once leave the event loop free after each turn", async () => {
  const order: string[] = [];
  const work = async (name: string): Promise<void> => {
    const turns = new Turns();
    for (let step = 0; step < 3; step++) {
      busy(9);
      assert.ok(turns.over);
      await turns.next();
      order.push(name);
    }
  };
  let free = 0;
  let counting: NodeJS.Immediate;
  const count = (): void => {
    free++;
    counting = setImmediate(count);
  };
  count();
  try {
    await Promise.all([work("a"), work("b")]);
  } finally {
    clearImmediate(counting!);
  }
  assert.deepEqual(order, ["a", "b", "a", "b", "a", "b"]);
  assert.ok(free >= 6, `${free} turns for others`);
});
