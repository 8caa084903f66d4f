import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Hold, LongRunningLimit } from "./long-running-limit.ts";

const user = (name: string, ...groups: string[]) => ({ name, groups });
const admin = user("admin", "system:masters");

test("a user has a bound, all have one, and system:masters twice as much apart from them", () => {
  const limit = new LongRunningLimit({ perUser: 2, all: 3 });
  const outcomes = (who: ReturnType<typeof user>, times: number): string[] =>
    Array.from({ length: times }, () => {
      const held = limit.hold(who);
      return typeof held === "string" ? held : "held";
    });
  assert.deepEqual(outcomes(user("a"), 3), ["held", "held", "user"]);
  assert.deepEqual(outcomes(user("b"), 2), ["held", "all"]);
  assert.deepEqual(outcomes(admin, 5), ["held", "held", "held", "held", "user"]);
  assert.deepEqual(outcomes(user("root", "system:masters"), 3), ["held", "held", "all"]);
  assert.equal(limit.held, 9);
});

test("what is released can be held again, once", () => {
  const limit = new LongRunningLimit({ perUser: 1, all: 1 });
  const first = limit.hold(user("a")) as Hold;
  first.release();
  first.release();
  assert.notEqual(typeof limit.hold(user("b")), "string");
  assert.equal(limit.hold(user("a")), "all");
});

test("whatever comes and goes, nobody is above their bound, and nothing is left at the end", () => {
  const step = fc.record({ who: fc.constantFrom("a", "b", "c"), ends: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const limit = new LongRunningLimit({ perUser: 3, all: 5 });
      const open: { who: string; hold: Hold }[] = [];
      for (const { who, ends } of steps) {
        if (ends) {
          open.shift()?.hold.release();
          continue;
        }
        const own = open.filter((one) => one.who === who).length;
        const held = limit.hold(user(who));
        const expected = own >= 3 ? "user" : open.length >= 5 ? "all" : "held";
        assert.equal(typeof held === "string" ? held : "held", expected);
        if (typeof held !== "string") open.push({ who, hold: held });
      }
      for (const { hold } of open) hold.release();
      assert.equal(limit.held, 0);
    }),
  );
});
