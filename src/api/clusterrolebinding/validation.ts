/** Which ClusterRoleBindings are acceptable (pkg/apis/rbac/validation), with upstream's sentences. */
import type { FieldError } from "../field-error.ts";
import { type ObjectMetaRules, validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { validateBinding, validateSameRole } from "../rolebinding/validation.ts";
import { pathSegmentComplaints } from "../validation/names.ts";
import type { ClusterRoleBinding } from "./type.ts";

const RULES: ObjectMetaRules = { namespaced: false, nameComplaints: pathSegmentComplaints };

export function validateClusterRoleBinding(binding: ClusterRoleBinding): FieldError[] {
  return [
    ...validateObjectMeta(binding.metadata, RULES),
    ...validateBinding(binding, ["ClusterRole"], false),
  ];
}

export function validateClusterRoleBindingUpdate(
  binding: ClusterRoleBinding,
  old: ClusterRoleBinding,
): FieldError[] {
  return [
    ...validateClusterRoleBinding(binding),
    ...validateObjectMetaUpdate(binding.metadata, old.metadata),
    ...validateSameRole(binding.roleRef, old.roleRef),
  ];
}
