/** Which ClusterRoles are acceptable (pkg/apis/rbac/validation), with upstream's sentences. */
import { type FieldError, required } from "../field-error.ts";
import { type ObjectMetaRules, validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { validatePolicyRules } from "../role/validation.ts";
import { checkLabelSelector } from "../validation/label-selector.ts";
import { pathSegmentComplaints } from "../validation/names.ts";
import type { AggregationRule, ClusterRole } from "./type.ts";

const RULES: ObjectMetaRules = { namespaced: false, nameComplaints: pathSegmentComplaints };

export function validateClusterRole(role: ClusterRole): FieldError[] {
  return [
    ...validateObjectMeta(role.metadata, RULES),
    ...validatePolicyRules(role.rules, false),
    ...validateAggregationRule(role.aggregationRule),
  ];
}

export function validateClusterRoleUpdate(role: ClusterRole, old: ClusterRole): FieldError[] {
  return [...validateClusterRole(role), ...validateObjectMetaUpdate(role.metadata, old.metadata)];
}

function validateAggregationRule(rule: AggregationRule | undefined): FieldError[] {
  if (rule === undefined) return [];
  const field = "aggregationRule.clusterRoleSelectors";
  const { clusterRoleSelectors: selectors = [] } = rule;
  if (selectors.length === 0) {
    const detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
    return [required(field, detail)];
  }
  return selectors.flatMap((selector, i) => checkLabelSelector(`${field}[${i}]`, selector));
}
