import { test } from "node:test";
import { checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { nodeKind } from "./kind.ts";

const GOOD = {
  metadata: { name: "node-1.example" },
  spec: { podCIDR: "10.1.0.0/24", providerID: "a://1", taints: [{ key: "a", effect: "NoSchedule" }] },
  status: { addresses: [{ type: "InternalIP", address: "10.0.0.1" }] },
};

test("nodes", () => {
  checkCreates(nodeKind, GOOD, [
    [{ metadata: { namespace: "a" } }, "metadata.namespace: Forbidden: not allowed on this type"],
    [
      { spec: { podCIDR: "10.1.0.1/24", podCIDRs: ["10.1.0.1/24"] } },
      'spec.podCIDRs[0]: Invalid value: "10.1.0.1/24": must not have bits set beyond the prefix length',
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
