import assert from "node:assert/strict";
import { test } from "node:test";
import { planRules, type RuleChange } from "./docker-user.ts";

const ours = (range: string): string =>
  `-A DOCKER-USER -m conntrack --ctstate DNAT --ctorigdst ${range} -m comment --comment "fairlead: connections to virtual addresses" -j ACCEPT`;
const RETURN = "-A DOCKER-USER -j RETURN";
const THEIRS = "-A DOCKER-USER -s 192.0.2.0/24 -j DROP";

test("what is to be done to DOCKER-USER", () => {
  const [a, b] = ["10.96.0.0/16", "100.1.1.0/24"];
  const nothing = { remove: [], insert: [] };
  const table: [string, string[], string[], RuleChange][] = [
    ["empty", [], [a], { remove: [], insert: [a] }],
    ["Docker's own", [RETURN], [a, b], { remove: [], insert: [a, b] }],
    ["in place", [ours(a), RETURN], [a], nothing],
    ["behind the user's rule", [THEIRS, ours(a), RETURN], [a], nothing],
    ["never reached", [RETURN, ours(a)], [a], { remove: [2], insert: [a] }],
    ["twice", [ours(a), THEIRS, ours(a), RETURN], [a], { remove: [3], insert: [] }],
    ["of another range", [ours(b), ours(a), RETURN], [a], { remove: [1], insert: [] }],
    ["not wanted any more", [ours(a), THEIRS, ours(b)], [], { remove: [3, 1], insert: [] }],
    ["a user's rule alike", [ours(a).replace("fairlead: ", "")], [a], { remove: [], insert: [a] }],
  ];
  for (const [what, rules, ranges, change] of table)
    assert.deepEqual(planRules(["-N DOCKER-USER", ...rules, ""].join("\n"), ranges), change, what);
});
