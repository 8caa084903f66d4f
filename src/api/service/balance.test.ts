import assert from "node:assert/strict";
import { test } from "node:test";
import { BALANCE_ANNOTATION, BALANCE_POLICIES, readBalance } from "./balance.ts";

test("a Service says how its connections are balanced", () => {
  assert.deepEqual(readBalance({ metadata: {} }), { policy: "random" });
  assert.deepEqual(readBalance({ metadata: { annotations: { other: "round-robin" } } }), {
    policy: "random",
  });
  for (const policy of BALANCE_POLICIES)
    assert.deepEqual(readBalance({ metadata: { annotations: { [BALANCE_ANNOTATION]: policy } } }), {
      policy,
    });
});

test("what is no way to balance is said, and connections are spread at random", () => {
  for (const text of ["", "Random", "roundrobin", "source-hash "]) {
    const { policy, problem } = readBalance({ metadata: { annotations: { [BALANCE_ANNOTATION]: text } } });
    assert.equal(policy, "random");
    assert.equal(
      problem,
      `annotation fairlead.dev/balance: "${text}" is none of random, round-robin, source-hash, source-port-hash, least-clients, primary-backup; new connections are spread at random`,
    );
  }
});
