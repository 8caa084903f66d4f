import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { InFlightLimit } from "./in-flight-limit.ts";

const NEVER = new AbortController().signal;
const PATIENT = { signal: NEVER, patience: 60_000, always: false };

/** A limit, and a record of who was let in. */
function watched(limit: number, queue: number) {
  const of = new InFlightLimit({ limit, queue });
  const admitted: string[] = [];
  const refused: string[] = [];
  const enter = (user: string, options = PATIENT): void => {
    const entered = of.enter(user, options);
    if (typeof entered === "boolean") (entered ? admitted : refused).push(user);
    else void entered.then((yes) => void (yes ? admitted : refused).push(user));
  };
  return { of, admitted, refused, enter };
}

/** Promises that have settled have told by then. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

suite("requests in flight", () => {
  test("go on at once while there is room", () => {
    const { of, admitted, enter } = watched(2, 10);
    enter("a");
    enter("b");
    enter("c");
    assert.deepEqual(admitted, ["a", "b"]);
    assert.deepEqual([of.underWay, of.waiting], [2, 1]);
    for (let i = 0; i < 3; i++) of.leave();
    assert.deepEqual([of.underWay, of.waiting], [0, 0]);
  });

  test("users take turns, each in order of arrival", async () => {
    const { of, admitted, enter } = watched(1, 100);
    enter("first");
    for (const user of ["noisy", "noisy", "noisy", "noisy", "calm", "shy", "calm"]) enter(user);
    for (let i = 0; i < 8; i++) of.leave();
    await settled();
    assert.deepEqual(admitted, ["first", "noisy", "calm", "shy", "noisy", "calm", "noisy", "noisy"]);
  });

  test("when too many wait, the one with the most loses the newest", async () => {
    const { of, admitted, refused, enter } = watched(1, 3);
    enter("first");
    for (const user of ["noisy", "noisy", "noisy", "noisy", "calm"]) enter(user);
    await settled();
    assert.deepEqual(refused, ["noisy", "noisy"]);
    for (let i = 0; i < 4; i++) of.leave();
    await settled();
    assert.deepEqual(admitted, ["first", "noisy", "calm", "noisy"]);
  });

  test("who has gone, or waits too long, makes room for others", async () => {
    const { of, refused, enter } = watched(1, 10);
    const gone = new AbortController();
    enter("first");
    enter("left", { ...PATIENT, signal: gone.signal });
    enter("late", { ...PATIENT, patience: 1 });
    gone.abort();
    while (refused.length < 2) await settled();
    assert.deepEqual(refused, ["left", "late"]);
    assert.equal(of.waiting, 0);
    enter("gone before", { ...PATIENT, signal: gone.signal });
    assert.equal(refused.at(-1), "gone before");
    of.leave();
    assert.equal(of.underWay, 0);
  });

  test("who need not wait is counted all the same", async () => {
    const { of, admitted, enter } = watched(1, 10);
    enter("a");
    enter("root", { ...PATIENT, always: true });
    enter("b");
    assert.deepEqual([of.underWay, of.waiting], [2, 1]);
    of.leave();
    await settled();
    assert.deepEqual(admitted, ["a", "root"]);
    of.leave();
    await settled();
    assert.deepEqual(admitted, ["a", "root", "b"]);
    of.leave();
    assert.equal(of.underWay, 0);
  });

  test("never more than the limit, never idle while someone waits, everybody answered once", async () => {
    const users = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.boolean()), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 10 }),
        users,
        async (limit, queue, steps) => {
          const { of, admitted, refused, enter } = watched(limit, queue);
          let entered = 0;
          let inside = 0;
          for (const [user, leaves] of steps) {
            enter(user);
            entered++;
            await settled();
            inside = of.underWay;
            if (leaves && inside > 0) {
              of.leave();
              await settled();
            }
            assert.ok(of.underWay <= limit && of.waiting <= queue);
            assert.ok(of.waiting === 0 || of.underWay === limit, "someone waits though there is room");
          }
          while (of.underWay > 0) {
            of.leave();
            await settled();
          }
          assert.equal(of.waiting, 0);
          assert.equal(admitted.length + refused.length, entered);
        },
      ),
      { numRuns: 60 },
    );
  });
});
