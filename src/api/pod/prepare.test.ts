import assert from "node:assert/strict";
import { test } from "node:test";
import { structure } from "../schema/json/structure.ts";
import { podKind } from "./kind.ts";

test("oddly written addresses earn warnings", () => {
  const pod = structure(podKind.schema, {
    metadata: { name: "a", namespace: "default" },
    spec: {
      containers: [],
      hostAliases: [{ ip: "10.1.1.1" }, { ip: "FD00::1" }],
      dnsConfig: { nameservers: ["fd00:0::2", "05.06.07.08"] },
    },
  }).object;
  assert.deepEqual(podKind.warnings!(pod), [
    'spec.dnsConfig.nameservers[0]: IPv6 address "fd00:0::2" should be in RFC 5952 canonical format ("fd00::2")',
    'spec.dnsConfig.nameservers[1]: non-standard IP address "05.06.07.08" will be considered invalid in a future Kubernetes release: use "5.6.7.8"',
    'spec.hostAliases[1].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
  ]);
});

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
