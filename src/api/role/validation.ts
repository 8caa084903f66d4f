/** Which Roles are acceptable (pkg/apis/rbac/validation), with upstream's sentences. */
import { type FieldError, invalidValue, required } from "../field-error.ts";
import { type ObjectMetaRules, validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { pathSegmentComplaints } from "../validation/names.ts";
import type { PolicyRule, Role } from "./type.ts";

const RULES: ObjectMetaRules = { namespaced: true, nameComplaints: pathSegmentComplaints };

export function validateRole(role: Role): FieldError[] {
  return [...validateObjectMeta(role.metadata, RULES), ...validatePolicyRules(role.rules, true)];
}

export function validateRoleUpdate(role: Role, old: Role): FieldError[] {
  return [...validateRole(role), ...validateObjectMetaUpdate(role.metadata, old.metadata)];
}

/** `namespaced`: the rules of a Role, which cannot be about paths. */
export function validatePolicyRules(rules: readonly PolicyRule[], namespaced: boolean): FieldError[] {
  return rules.flatMap((rule, i) => validatePolicyRule(`rules[${i}]`, rule, namespaced));
}

function validatePolicyRule(field: string, rule: PolicyRule, namespaced: boolean): FieldError[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const errors: FieldError[] = [];
  if (verbs.length === 0) errors.push(required(`${field}.verbs`, "verbs must contain at least one value"));
  if (nonResourceURLs.length > 0) {
    const refuse = (detail: string): void =>
      void errors.push(invalidValue(`${field}.nonResourceURLs`, nonResourceURLs, detail));
    if (namespaced) refuse("namespaced rules cannot apply to non-resource URLs");
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0)
      refuse("rules cannot apply to both regular resources and non-resource URLs");
    return errors;
  }
  if (apiGroups.length === 0)
    errors.push(required(`${field}.apiGroups`, "resource rules must supply at least one api group"));
  if (resources.length === 0)
    errors.push(required(`${field}.resources`, "resource rules must supply at least one resource"));
  return errors;
}
