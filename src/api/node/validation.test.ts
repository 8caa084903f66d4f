import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { nodeKind } from "./kind.ts";

const GOOD = {
  metadata: { name: "node-1.example" },
  spec: { podCIDR: "10.1.0.0/24", providerID: "a://1", taints: [{ key: "a", effect: "NoSchedule" }] },
  status: { addresses: [{ type: "InternalIP", address: "10.0.0.1" }] },
};

test("nodes", () => {
  checkCreates(nodeKind, GOOD, [
    [{ metadata: { namespace: "a" } }, "metadata.namespace: Forbidden: not allowed on this type"],
    [{ spec: { podCIDR: "10.1.0.1/24", podCIDRs: ["10.1.0.1/24"] } }],
    [
      { spec: { podCIDR: "10.1.0.1", podCIDRs: ["10.1.0.1"] } },
      'spec.podCIDRs[0]: Invalid value: "10.1.0.1": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    ],
    [
      { spec: { podCIDRs: ["10.1.0.0/24", "10.2.0.0/24"] } },
      'spec.podCIDRs: Invalid value: ["10.1.0.0/24","10.2.0.0/24"]: may specify no more than one CIDR for each IP family',
    ],
    [
      { spec: { taints: [{ key: "a", effect: "Never" }] } },
      'metadata.taints[0].effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"',
    ],
    [
      {
        status: {
          addresses: [
            { type: "InternalIP", address: "a" },
            { type: "InternalIP", address: "a" },
          ],
        },
      },
      'status.addresses[1]: Duplicate value: {"type":"InternalIP","address":"a"}',
    ],
  ]);
  checkUpdates(nodeKind, GOOD, [
    [{ metadata: { labels: { a: "b" } } }],
    [
      { spec: { podCIDR: "10.2.0.0/24", podCIDRs: ["10.2.0.0/24"] } },
      'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
    ],
    [
      { spec: { providerID: "a://2" } },
      'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
    ],
  ]);
});

test("fields that mean nothing any more and sloppy ranges earn warnings", () => {
  const node = changed(nodeKind, GOOD, {
    spec: { podCIDRs: ["10.1.0.1/24", "FD00::/64"], externalID: "i-1", configSource: {} },
  });
  assert.deepEqual(nodeKind.warnings!(node), [
    "spec.configSource: the feature is removed",
    "spec.externalID: this field is deprecated, and is unused by Kubernetes",
    'spec.podCIDRs[0]: CIDR value "10.1.0.1/24" is ambiguous in this context (should be "10.1.0.0/24" or "10.1.0.1/32"?)',
    'spec.podCIDRs[1]: IPv6 CIDR value "FD00::/64" should be in RFC 5952 canonical format ("fd00::/64")',
  ]);
});
