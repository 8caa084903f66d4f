import { test } from "node:test";
import { checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { serviceKind } from "./kind.ts";

const GOOD = {
  metadata: { name: "web", namespace: "shop" },
  spec: {
    clusterIP: "10.96.0.10",
    clusterIPs: ["10.96.0.10", "fd00::10"],
    ipFamilies: ["IPv4", "IPv6"],
    ipFamilyPolicy: "RequireDualStack",
    ports: [{ port: 80 }],
  },
};
const HEADLESS = { clusterIP: "None", clusterIPs: ["None"] };

test("a headless Service is of type ClusterIP", () => {
  checkCreates(serviceKind, GOOD, [
    [{ spec: HEADLESS }],
    ...["LoadBalancer", "NodePort"].map(
      (type) =>
        [
          { spec: { ...HEADLESS, type } },
          `spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for ${type} services`,
        ] as const,
    ),
  ]);
});

test("addresses are of the families that are given, in their order", () => {
  checkCreates(serviceKind, GOOD, [
    [
      { spec: { ipFamilies: ["IPv6", "IPv4"] } },
      'spec.clusterIPs[0]: Invalid value: "10.96.0.10": expected an IPv6 value as indicated by `ipFamilies[0]`',
      'spec.clusterIPs[1]: Invalid value: "fd00::10": expected an IPv4 value as indicated by `ipFamilies[1]`',
    ],
  ]);
});

test("the second address and family go only when the policy lets them", () => {
  const single = { clusterIPs: ["10.96.0.10"], ipFamilies: ["IPv4"] };
  const before = `Invalid value: "PreferDualStack": must be set to 'SingleStack' when releasing the secondary`;
  checkUpdates(serviceKind, GOOD, [
    [{ spec: { ...single, ipFamilyPolicy: "SingleStack" } }],
    [
      { spec: { ...single, ipFamilyPolicy: "PreferDualStack" } },
      `spec.ipFamilyPolicy: ${before} clusterIP`,
      `spec.ipFamilyPolicy: ${before} ipFamily`,
    ],
    [
      { spec: { ipFamilies: null } },
      "spec.ipFamilies[0]: Invalid value: []: primary ipFamily can not be unset",
    ],
  ]);
});
