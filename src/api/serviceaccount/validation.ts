/** Which ServiceAccounts are acceptable (pkg/apis/core/validation ValidateServiceAccount), and what earns a warning. */
import type { FieldError } from "../field-error.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { dns1123SubdomainComplaints } from "../validation/names.ts";
import type { ServiceAccount } from "./type.ts";

const RULES = { namespaced: true, nameComplaints: dns1123SubdomainComplaints };
const ENFORCE_MOUNTABLE = "kubernetes.io/enforce-mountable-secrets";

export function validateServiceAccount({ metadata }: ServiceAccount): FieldError[] {
  return validateObjectMeta(metadata, RULES);
}

export function validateServiceAccountUpdate(
  { metadata }: ServiceAccount,
  old: ServiceAccount,
): FieldError[] {
  return validateObjectMetaUpdate(metadata, old.metadata);
}

export function serviceAccountWarnings({ metadata }: ServiceAccount): string[] {
  if (metadata.annotations?.[ENFORCE_MOUNTABLE] === undefined) return [];
  return [
    `metadata.annotations[${ENFORCE_MOUNTABLE}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`,
  ];
}
