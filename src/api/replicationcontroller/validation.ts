/** Which ReplicationControllers are acceptable (pkg/apis/core/validation ValidateReplicationController and its kin). */
import type { FieldError } from "../field-error.ts";
import { required } from "../field-error.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { validateReplicatedTemplate } from "../podtemplate/validation.ts";
import { validateReplicaCounts } from "../replicaset/status-validation.ts";
import { labelTerms } from "../selector/label-selector.ts";
import { checkNonNegative } from "../validation/checks.ts";
import { dns1123SubdomainComplaints } from "../validation/names.ts";
import type { ReplicationController, ReplicationControllerSpec } from "./type.ts";

const RULES = { namespaced: true, nameComplaints: dns1123SubdomainComplaints };

export function validateReplicationController({ metadata, spec }: ReplicationController): FieldError[] {
  return [...validateObjectMeta(metadata, RULES), ...checkSpec(spec ?? {})];
}

/** Everything may change, the selector too. */
export function validateReplicationControllerUpdate(
  { metadata, spec }: ReplicationController,
  old: ReplicationController,
): FieldError[] {
  return [...validateObjectMetaUpdate(metadata, old.metadata), ...checkSpec(spec ?? {})];
}

export function validateReplicationControllerStatusUpdate(
  { metadata, status }: ReplicationController,
  old: ReplicationController,
): FieldError[] {
  return [
    ...validateObjectMetaUpdate(metadata, old.metadata),
    ...validateReplicaCounts(status ?? { replicas: 0 }),
  ];
}

function checkSpec({
  replicas,
  minReadySeconds,
  selector,
  template,
}: ReplicationControllerSpec): FieldError[] {
  const errors = checkNonNegative("spec.minReadySeconds", minReadySeconds);
  if (Object.keys(selector ?? {}).length === 0) errors.push(required("spec.selector"));
  return [
    ...errors,
    ...checkNonNegative("spec.replicas", replicas),
    ...validateReplicatedTemplate("spec.template", template, labelTerms(selector), "ReplicationController"),
  ];
}
