/** The schema of rbac.authorization.k8s.io/v1 ClusterRole. */
import { kindSchema } from "../meta/kind-schema.ts";
import { labelSelectorSchema } from "../meta/schema.ts";
import { policyRuleSchema } from "../role/schema.ts";
import { list, objectSchema, pointer, object, written } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { AggregationRule, ClusterRole } from "./type.ts";

export const aggregationRuleSchema: ObjectSchema<AggregationRule> = objectSchema(
  "io.k8s.api.rbac.v1.AggregationRule",
  "Which ClusterRoles' rules make up the rules of this one.",
  {
    clusterRoleSelectors: list(
      1,
      labelSelectorSchema,
      "A ClusterRole whose labels match one of these gives its rules.",
      { list: { type: "atomic" } },
    ),
  },
);

export const clusterRoleSchema: ObjectSchema<ClusterRole> = kindSchema(
  "io.k8s.api.rbac.v1.ClusterRole",
  "What may be done: everywhere by a ClusterRoleBinding, in one namespace by a RoleBinding.",
  {
    rules: written(list(2, policyRuleSchema, "What may be done.", { list: { type: "atomic" } })),
    aggregationRule: pointer(
      object(
        3,
        aggregationRuleSchema,
        "Makes the server fill in `rules` from other ClusterRoles; what is written there is replaced.",
      ),
    ),
  },
);
