/** Which ReplicaSets are acceptable (pkg/apis/apps/validation ValidateReplicaSet and its kin). */
import { isDeepStrictEqual } from "node:util";
import type { FieldError } from "../field-error.ts";
import { immutable, invalidValue, required } from "../field-error.ts";
import type { LabelSelector } from "../meta/type.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import type { PodTemplateSpec } from "../podtemplate/type.ts";
import { validateReplicatedTemplate } from "../podtemplate/validation.ts";
import { labelSelectorTerms } from "../selector/label-selector.ts";
import { checkNonNegative } from "../validation/checks.ts";
import { checkLabelSelector, isEmptySelector } from "../validation/label-selector.ts";
import { dns1123SubdomainComplaints } from "../validation/names.ts";
import { validateReplicaCounts } from "./status-validation.ts";
import type { ReplicaSet, ReplicaSetSpec } from "./type.ts";

const RULES = { namespaced: true, nameComplaints: dns1123SubdomainComplaints };

export function validateReplicaSet({ metadata, spec }: ReplicaSet): FieldError[] {
  return [...validateObjectMeta(metadata, RULES), ...checkSpec(spec ?? {})];
}

export function validateReplicaSetUpdate({ metadata, spec = {} }: ReplicaSet, old: ReplicaSet): FieldError[] {
  return [
    ...validateObjectMetaUpdate(metadata, old.metadata),
    ...checkSpec(spec),
    ...checkSelectorUnchanged(spec.selector, old.spec?.selector),
  ];
}

export function validateReplicaSetStatusUpdate(
  { metadata, status }: ReplicaSet,
  old: ReplicaSet,
): FieldError[] {
  return [
    ...validateObjectMetaUpdate(metadata, old.metadata),
    ...validateReplicaCounts(status ?? { replicas: 0 }),
  ];
}

function checkSpec({ replicas, minReadySeconds, selector, template }: ReplicaSetSpec): FieldError[] {
  return [
    ...checkNonNegative("spec.replicas", replicas),
    ...checkNonNegative("spec.minReadySeconds", minReadySeconds),
    ...checkSelectedTemplate(selector, template),
  ];
}

/** The selector, and the template whose pods it must choose. Also a Deployment's. */
export function checkSelectedTemplate(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  if (selector === undefined) errors.push(required("spec.selector"));
  else {
    errors.push(...checkLabelSelector("spec.selector", selector));
    // Upstream says "deployment" of ReplicaSets too.
    if (isEmptySelector(selector))
      errors.push(invalidValue("spec.selector", selector, "empty selector is invalid for deployment"));
    if (errors.some(({ field }) => field.endsWith(".operator")))
      return [...errors, invalidValue("spec.selector", selector, "invalid label selector")];
  }
  const terms = labelSelectorTerms(selector);
  return [...errors, ...validateReplicatedTemplate("spec.template", template, terms, "ReplicaSet")];
}

/** Whose pods are whose must not change. Also a Deployment's. */
export function checkSelectorUnchanged(
  selector: LabelSelector | undefined,
  old: LabelSelector | undefined,
): FieldError[] {
  return isDeepStrictEqual(selector, old) ? [] : [immutable("spec.selector", selector)];
}
