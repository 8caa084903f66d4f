import assert from "node:assert/strict";
import { test } from "node:test";
import { structure } from "../schema/json/structure.ts";
import { podKind } from "./kind.ts";

test("a pod with scheduling gates says why it is not scheduled", () => {
  const pod = structure(podKind.schema, {
    metadata: { name: "a", namespace: "default" },
    spec: { containers: [], schedulingGates: [{ name: "example.com/quota" }] },
    status: { phase: "Running" },
  }).object;
  podKind.prepareForCreate(pod);
  assert.equal(pod.status?.phase, "Pending");
  assert.deepEqual(pod.status?.conditions, [
    {
      type: "PodScheduled",
      status: "False",
      reason: "SchedulingGated",
      message: "Scheduling is blocked due to non-empty scheduling gates",
    },
  ]);
});
