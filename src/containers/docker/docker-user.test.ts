import assert from "node:assert/strict";
import { test } from "node:test";
import { planRules, type RuleChange } from "./docker-user.ts";

const ours = (passage: string): string =>
  `-A DOCKER-USER -m conntrack --ctstate DNAT ${passage} -m comment --comment "fairlead: connections to virtual addresses" -j ACCEPT`;
const RETURN = "-A DOCKER-USER -j RETURN";
const THEIRS = "-A DOCKER-USER -s 192.0.2.0/24 -j DROP";

test("what is to be done to DOCKER-USER", () => {
  const [a, b] = ["--ctorigdst 10.96.0.0/16", "--ctproto 6 --ctorigdstport 30080"];
  const nothing = { remove: [], insert: [] };
  const table: [string, string[], string[], RuleChange][] = [
    ["empty", [], [a], { remove: [], insert: [a] }],
    ["Docker's own", [RETURN], [a, b], { remove: [], insert: [a, b] }],
    ["in place", [ours(a), RETURN], [a], nothing],
    ["behind the user's rule", [THEIRS, ours(a), RETURN], [a], nothing],
    ["never reached", [RETURN, ours(a)], [a], { remove: [2], insert: [a] }],
    ["twice", [ours(a), THEIRS, ours(a), RETURN], [a], { remove: [3], insert: [] }],
    ["of another passage", [ours(b), ours(a), RETURN], [a], { remove: [1], insert: [] }],
    ["not wanted any more", [ours(a), THEIRS, ours(b)], [], { remove: [3, 1], insert: [] }],
    ["a user's rule alike", [ours(a).replace("fairlead: ", "")], [a], { remove: [], insert: [a] }],
  ];
  for (const [what, rules, wanted, change] of table)
    assert.deepEqual(planRules(["-N DOCKER-USER", ...rules, ""].join("\n"), new Set(wanted)), change, what);
});
