/** rbac.authorization.k8s.io/v1 ClusterRole. */
import type { KubeObject, LabelSelector } from "../meta/type.ts";
import type { PolicyRule } from "../role/type.ts";

/** Which ClusterRoles' rules make up this one's. */
export interface AggregationRule {
  /** A role that one of these chooses gives its rules. */
  clusterRoleSelectors?: LabelSelector[];
}

export interface ClusterRole extends KubeObject {
  /** With an aggregationRule these are the server's to write. */
  rules: PolicyRule[];
  aggregationRule?: AggregationRule;
}
