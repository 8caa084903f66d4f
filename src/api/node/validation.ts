/** Which Nodes are acceptable (pkg/apis/core/validation ValidateNode). */
import type { FieldError } from "../field-error.ts";
import { duplicate, forbiddenField, invalidValue, required } from "../field-error.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkRange, familyOf } from "../validation/addresses.ts";
import { checkOneOf, checkSyntax } from "../validation/checks.ts";
import {
  dns1123SubdomainComplaints,
  labelValueComplaints,
  qualifiedNameComplaints,
} from "../validation/names.ts";
import type { Node, Taint } from "./type.ts";

const RULES = { namespaced: false, nameComplaints: dns1123SubdomainComplaints };

export function validateNode(node: Node): FieldError[] {
  return [
    ...validateObjectMeta(node.metadata, RULES),
    ...checkTaints(node.spec?.taints ?? []),
    ...checkPodRanges(node.spec?.podCIDRs ?? []),
    ...checkAddresses(node),
  ];
}

export function validateNodeUpdate(node: Node, old: Node): FieldError[] {
  const spec = node.spec ?? {};
  const before = old.spec ?? {};
  const errors = [
    ...validateObjectMetaUpdate(node.metadata, old.metadata),
    ...checkTaints(spec.taints ?? []),
    ...checkAddresses(node),
  ];
  const ranges = before.podCIDRs ?? [];
  if (ranges.length === 0) errors.push(...checkPodRanges(spec.podCIDRs ?? []));
  else if (ranges.join() !== (spec.podCIDRs ?? []).join())
    errors.push(
      forbiddenField("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid'),
    );
  if (before.providerID !== undefined && before.providerID !== spec.providerID)
    errors.push(
      forbiddenField("spec.providerID", 'node updates may not change providerID except from "" to valid'),
    );
  return errors;
}

function checkTaints(taints: readonly Taint[]): FieldError[] {
  const seen = new Set<string>();
  return taints.flatMap((taint, i) => {
    const field = `metadata.taints[${i}]`;
    const errors = [
      ...checkSyntax(`${field}.key`, taint.key, qualifiedNameComplaints),
      ...checkSyntax(`${field}.value`, taint.value ?? "", labelValueComplaints),
      ...checkOneOf(`${field}.effect`, taint.effect, ["NoSchedule", "PreferNoSchedule", "NoExecute"]),
    ];
    const key = `${taint.key}:${taint.effect}`;
    if (seen.has(key)) errors.push(duplicate(field, taint));
    seen.add(key);
    return errors;
  });
}

function checkPodRanges(ranges: readonly string[]): FieldError[] {
  const field = "spec.podCIDRs";
  const errors = ranges.flatMap((range, i) => checkRange(`${field}[${i}]`, range));
  const families = new Set(ranges.map((range) => familyOf(range.split("/")[0]!)));
  if (errors.length === 0 && (ranges.length > 2 || families.size < ranges.length))
    errors.push(invalidValue(field, ranges, "may specify no more than one CIDR for each IP family"));
  return errors;
}

function checkAddresses({ status }: Node): FieldError[] {
  const seen = new Set<string>();
  return (status?.addresses ?? []).flatMap((address, i) => {
    const field = `status.addresses[${i}]`;
    if (address.address === "") return [required(`${field}.address`)];
    const key = `${address.type} ${address.address}`;
    if (seen.has(key)) return [duplicate(field, address)];
    seen.add(key);
    return [];
  });
}
