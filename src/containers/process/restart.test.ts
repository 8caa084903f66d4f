import assert from "node:assert/strict";
import { test } from "node:test";
import { KUBELET_DELAYS, RestartBackoff, type RestartPolicy, shouldRestart } from "./restart.ts";

test("the restart policy decides by the exit code", () => {
  const table: [RestartPolicy, number, boolean][] = [
    ["Always", 0, true],
    ["Always", 1, true],
    ["OnFailure", 0, false],
    ["OnFailure", 1, true],
    ["Never", 0, false],
    ["Never", 1, false],
  ];
  for (const [policy, code, restarts] of table)
    assert.equal(shouldRestart(policy, code), restarts, `${policy} ${code}`);
});

test("the first restart is at once, then 10 s doubling to 5 min, until the container has run for 10 min", () => {
  const backoff = new RestartBackoff(KUBELET_DELAYS);
  const seconds = Array.from({ length: 8 }, () => backoff.ended(0) / 1000);
  assert.deepEqual(seconds, [0, 10, 20, 40, 80, 160, 300, 300]);
  assert.equal(backoff.ended(599_999) / 1000, 300);
  assert.equal(backoff.ended(600_000), 0);
  assert.equal(backoff.ended(0) / 1000, 10);
});
