/** Which RoleBindings are acceptable (pkg/apis/rbac/validation), with upstream's sentences. */
import { type FieldError, invalidValue, notSupported, required } from "../field-error.ts";
import { type ObjectMetaRules, validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { RBAC_GROUP } from "../role/type.ts";
import { checkSyntax } from "../validation/checks.ts";
import { dns1123SubdomainComplaints, pathSegmentComplaints } from "../validation/names.ts";
import type { RoleBinding, RoleRef, Subject } from "./type.ts";

const RULES: ObjectMetaRules = { namespaced: true, nameComplaints: pathSegmentComplaints };

type Binding = Pick<RoleBinding, "subjects" | "roleRef">;

export function validateRoleBinding(binding: RoleBinding): FieldError[] {
  return [
    ...validateObjectMeta(binding.metadata, RULES),
    ...validateBinding(binding, ["Role", "ClusterRole"], true),
  ];
}

export function validateRoleBindingUpdate(binding: RoleBinding, old: RoleBinding): FieldError[] {
  return [
    ...validateRoleBinding(binding),
    ...validateObjectMetaUpdate(binding.metadata, old.metadata),
    ...validateSameRole(binding.roleRef, old.roleRef),
  ];
}

/** `kinds` are those that the binding may refer to; a binding that is not namespaced must name the namespaces of ServiceAccounts. */
export function validateBinding(
  { roleRef, subjects = [] }: Binding,
  kinds: readonly string[],
  namespaced: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  if (roleRef.apiGroup !== RBAC_GROUP)
    errors.push(notSupported("roleRef.apiGroup", roleRef.apiGroup, [RBAC_GROUP]));
  if (!kinds.includes(roleRef.kind)) errors.push(notSupported("roleRef.kind", roleRef.kind, kinds));
  if (roleRef.name === "") errors.push(required("roleRef.name"));
  else errors.push(...checkSyntax("roleRef.name", roleRef.name, pathSegmentComplaints));
  for (const [i, subject] of subjects.entries())
    errors.push(...validateSubject(`subjects[${i}]`, subject, namespaced));
  return errors;
}

/** Who may change a binding must not be able to make it one of a mightier role. */
export function validateSameRole(roleRef: RoleRef, old: RoleRef): FieldError[] {
  const same = (["apiGroup", "kind", "name"] as const).every((part) => roleRef[part] === old[part]);
  return same ? [] : [invalidValue("roleRef", roleRef, "cannot change roleRef")];
}

function validateSubject(field: string, subject: Subject, namespaced: boolean): FieldError[] {
  const { kind, apiGroup = "", name, namespace = "" } = subject;
  const errors = name === "" ? [required(`${field}.name`)] : [];
  switch (kind) {
    case "ServiceAccount":
      if (name !== "") errors.push(...checkSyntax(`${field}.name`, name, dns1123SubdomainComplaints));
      if (apiGroup !== "") errors.push(notSupported(`${field}.apiGroup`, apiGroup, [""]));
      if (!namespaced && namespace === "") errors.push(required(`${field}.namespace`));
      return errors;
    case "User":
    case "Group":
      if (name === "")
        errors.push(invalidValue(`${field}.name`, name, `${kind.toLowerCase()} name cannot be empty`));
      if (apiGroup !== RBAC_GROUP) errors.push(notSupported(`${field}.apiGroup`, apiGroup, [RBAC_GROUP]));
      return errors;
    default:
      return [...errors, notSupported(`${field}.kind`, kind, ["ServiceAccount", "User", "Group"])];
  }
}
