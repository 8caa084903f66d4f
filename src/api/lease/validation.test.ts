import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { leaseKind } from "./kind.ts";

const GOOD = {
  metadata: { name: "leader", namespace: "shop" },
  spec: { holderIdentity: "a", leaseDurationSeconds: 15, renewTime: "2026-01-02T03:04:05.678901Z" },
};

const ROWS = [
  [{}],
  [{ spec: null }],
  [{ spec: { holderIdentity: "", leaseTransitions: 0 } }],
  [
    { spec: { leaseDurationSeconds: 0 } },
    "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
  ],
  [
    { spec: { leaseTransitions: -1 } },
    "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
  ],
  [{ spec: { strategy: "example.com/mine", preferredHolder: "b" } }],
  [{ spec: { strategy: "OldestEmulationVersion" } }],
  [
    { spec: { strategy: "Mine" } },
    'spec.strategy.strategy: Unsupported value: "Mine": supported values: "OldestEmulationVersion"',
  ],
  [
    { spec: { preferredHolder: "b" } },
    "spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined",
  ],
] as const;

test("a Lease has a positive duration and counts no negative transitions", () => {
  checkCreates(leaseKind, GOOD, ROWS);
  checkUpdates(leaseKind, GOOD, [
    [{ spec: { holderIdentity: "b" } }],
    [
      { spec: { leaseDurationSeconds: -1 } },
      "spec.leaseDurationSeconds: Invalid value: -1: must be greater than 0",
    ],
  ]);
});

test("coordinated election is off: its fields are dropped unless they are there already", () => {
  const asked = { spec: { strategy: "OldestEmulationVersion", preferredHolder: "b" } };
  const fresh = changed(leaseKind, GOOD, asked);
  leaseKind.prepareForCreate(fresh);
  assert.deepEqual(fresh.spec, GOOD.spec);
  const kept = changed(leaseKind, GOOD, asked);
  leaseKind.prepareForUpdate(kept, changed(leaseKind, GOOD, asked));
  assert.equal(kept.spec?.strategy, "OldestEmulationVersion");
});
