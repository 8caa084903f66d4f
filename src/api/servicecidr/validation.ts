/** What a ServiceCIDR must be (pkg/apis/networking/validation ValidateServiceCIDR and its update). */
import { type FieldError, immutable, invalidValue, required } from "../field-error.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkCanonicalRange, familyOf } from "../validation/addresses.ts";
import { dns1123SubdomainComplaints } from "../validation/names.ts";
import type { ServiceCIDR, ServiceCIDRSpec } from "./type.ts";

const FIELD = "spec.cidrs";

export function validateServiceCIDR({ metadata, spec = {} }: ServiceCIDR): FieldError[] {
  return [
    ...validateObjectMeta(metadata, { namespaced: false, nameComplaints: dns1123SubdomainComplaints }),
    ...checkSpec(spec),
  ];
}

export function validateServiceCIDRUpdate(update: ServiceCIDR, old: ServiceCIDR): FieldError[] {
  const errors = validateObjectMetaUpdate(update.metadata, old.metadata);
  const cidrs = update.spec?.cidrs ?? [];
  const before = old.spec?.cidrs ?? [];
  if (cidrs.length === before.length)
    errors.push(
      ...cidrs.flatMap((text, i) => (text === before[i] ? [] : [immutable(`${FIELD}[${i}]`, text)])),
    );
  else if (before.length === 1 && cidrs.length === 2) {
    // A second family may come: single-stack becomes dual-stack.
    if (cidrs[0] !== before[0]) errors.push(immutable(`${FIELD}[0]`, cidrs[0]));
    errors.push(...checkSpec(update.spec!));
  } else errors.push(immutable(FIELD, cidrs));
  return errors;
}

export function validateServiceCIDRStatusUpdate(update: ServiceCIDR, old: ServiceCIDR): FieldError[] {
  return validateObjectMetaUpdate(update.metadata, old.metadata);
}

function checkSpec(spec: ServiceCIDRSpec): FieldError[] {
  const cidrs = spec.cidrs ?? [];
  if (cidrs.length === 0) return [required(FIELD, "at least one CIDR required")];
  if (cidrs.length > 2) return [invalidValue(FIELD, spec, "may only hold up to 2 values")];
  const errors = cidrs.flatMap((text, i) => checkCanonicalRange(`${FIELD}[${i}]`, text));
  const [first, second] = cidrs.map((text) => familyOf(text.split("/")[0]!));
  if (cidrs.length === 2 && first !== undefined && first === second)
    errors.push(
      invalidValue(
        FIELD,
        cidrs,
        "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64",
      ),
    );
  return errors;
}
