/** Which Scales are acceptable (pkg/apis/autoscaling/validation ValidateScale). */
import type { FieldError } from "../field-error.ts";
import { validateObjectMeta } from "../meta/validation.ts";
import { checkNonNegative } from "../validation/checks.ts";
import { dns1123SubdomainComplaints } from "../validation/names.ts";
import type { Scale } from "./type.ts";

const RULES = { namespaced: true, nameComplaints: dns1123SubdomainComplaints };

export function validateScale({ metadata, spec }: Scale): FieldError[] {
  return [...validateObjectMeta(metadata, RULES), ...checkNonNegative("spec.replicas", spec?.replicas ?? 0)];
}
