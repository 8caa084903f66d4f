import { test } from "node:test";
import { roleKind } from "../role/kind.ts";
import { checkCreates } from "../validation/complaints-table.ts";
import { clusterRoleKind } from "./kind.ts";

const RULE = { verbs: ["get"], apiGroups: [""], resources: ["pods"] };

test("rules of a ClusterRole: resources or paths, never both", () => {
  checkCreates(clusterRoleKind, { metadata: { name: "system:a" }, rules: [RULE] }, [
    [{ rules: [] }],
    [{ rules: null }],
    [{ rules: [{ ...RULE, resourceNames: ["a"], resources: ["pods", "services"] }] }],
    [
      { rules: [{ ...RULE, verbs: [] }] },
      "rules[0].verbs: Required value: verbs must contain at least one value",
    ],
    [
      { rules: [{ verbs: ["get"] }] },
      "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
      "rules[0].resources: Required value: resource rules must supply at least one resource",
    ],
    [{ rules: [{ verbs: ["get"], nonResourceURLs: ["/metrics"] }] }],
    [
      { rules: [RULE, { ...RULE, nonResourceURLs: ["/metrics"] }] },
      'rules[1].nonResourceURLs: Invalid value: ["/metrics"]: rules cannot apply to both regular resources and non-resource URLs',
    ],
    [
      { aggregationRule: {} },
      "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
    ],
    [{ aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: "b" } }] } }],
    [
      {
        aggregationRule: { clusterRoleSelectors: [{ matchExpressions: [{ key: "a", operator: "In" }] }] },
      },
      "aggregationRule.clusterRoleSelectors[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    ],
  ]);
});

test("rules of a Role are not about paths", () => {
  checkCreates(roleKind, { metadata: { name: "a", namespace: "default" }, rules: [RULE] }, [
    [
      { rules: [{ verbs: ["get"], nonResourceURLs: ["/metrics"] }] },
      'rules[0].nonResourceURLs: Invalid value: ["/metrics"]: namespaced rules cannot apply to non-resource URLs',
    ],
  ]);
});
