/** Which Leases are acceptable (pkg/apis/coordination/validation). */
import { type FieldError, forbiddenField, invalidValue, notSupported } from "../field-error.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkNonNegative, checkSyntax } from "../validation/checks.ts";
import { dns1123SubdomainComplaints, qualifiedNameComplaints } from "../validation/names.ts";
import type { Lease, LeaseSpec } from "./type.ts";

const STRATEGIES = ["OldestEmulationVersion"];

export function validateLease({ metadata, spec = {} }: Lease): FieldError[] {
  const rules = { namespaced: true, nameComplaints: dns1123SubdomainComplaints };
  return [...validateObjectMeta(metadata, rules), ...checkSpec(spec)];
}

export function validateLeaseUpdate({ metadata, spec = {} }: Lease, old: Lease): FieldError[] {
  return [...validateObjectMetaUpdate(metadata, old.metadata), ...checkSpec(spec)];
}

function checkSpec({ leaseDurationSeconds, leaseTransitions, ...spec }: LeaseSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0)
    errors.push(invalidValue("spec.leaseDurationSeconds", leaseDurationSeconds, "must be greater than 0"));
  errors.push(...checkNonNegative("spec.leaseTransitions", leaseTransitions));
  if (spec.strategy !== undefined) errors.push(...checkStrategy(spec.strategy));
  if ((spec.preferredHolder ?? "") !== "" && (spec.strategy ?? "") === "")
    errors.push(forbiddenField("spec.preferredHolder", "may only be specified if `strategy` is defined"));
  return errors;
}

/** One of Kubernetes' own, or any name with a domain before it. Upstream says the field's name twice. */
function checkStrategy(strategy: string): FieldError[] {
  const field = "spec.strategy.strategy";
  if (strategy.includes("/")) return checkSyntax(field, strategy, qualifiedNameComplaints);
  return STRATEGIES.includes(strategy) ? [] : [notSupported(field, strategy, STRATEGIES)];
}
