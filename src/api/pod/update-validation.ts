/** What an update of a Pod may change (pkg/apis/core/validation ValidatePodUpdate, ValidatePodStatusUpdate). */
import { isDeepStrictEqual } from "node:util";
import type { FieldError } from "../field-error.ts";
import { duplicate, forbiddenField, invalidValue } from "../field-error.ts";
import { validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkAddress, familyOf } from "../validation/addresses.ts";
import type { PodSpec } from "./spec-type.ts";
import type { ContainerStatus, Pod } from "./type.ts";
import { validatePodSpec } from "./validation.ts";

/** What may change, as the refusal lists it. */
const MUTABLE =
  "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const spec = pod.spec ?? { containers: [] };
  const before = old.spec ?? { containers: [] };
  const errors = [...validateObjectMetaUpdate(pod.metadata, old.metadata), ...validatePodSpec("spec", spec)];
  for (const part of ["containers", "initContainers"] as const)
    if ((spec[part] ?? []).length !== (before[part] ?? []).length)
      return [...errors, forbiddenField(`spec.${part}`, "pod updates may not add or remove containers")];
  errors.push(...checkDeadline(spec, before));
  const masked = withMutableFieldsOf(spec, before);
  if (isDeepStrictEqual(masked, before)) return errors;
  const changed = [...new Set([...Object.keys(masked), ...Object.keys(before)])].filter(
    (key) => !isDeepStrictEqual(masked[key as keyof PodSpec], before[key as keyof PodSpec]),
  );
  const detail = `pod updates may not change fields other than ${MUTABLE}\nchanged: ${changed.join(", ")}`;
  return [...errors, forbiddenField("spec", detail)];
}

/** The new specification with every change taken back that is allowed. */
function withMutableFieldsOf(spec: PodSpec, old: PodSpec): PodSpec {
  const masked = structuredClone(spec);
  for (const part of ["containers", "initContainers"] as const)
    for (const [i, container] of (masked[part] ?? []).entries()) {
      const image = old[part]?.[i]?.image;
      if (image === undefined) delete container.image;
      else container.image = image;
    }
  copyField("activeDeadlineSeconds", masked, old);
  // Tolerations may be added: the old ones must all still be there.
  const kept = (old.tolerations ?? []).every((toleration) =>
    (spec.tolerations ?? []).some((other) => isDeepStrictEqual(other, toleration)),
  );
  if (kept) copyField("tolerations", masked, old);
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1)
    copyField("terminationGracePeriodSeconds", masked, old);
  // A gate may be taken away, never added.
  const gates = new Set((old.schedulingGates ?? []).map(({ name }) => name));
  if ((spec.schedulingGates ?? []).every(({ name }) => gates.has(name)))
    copyField("schedulingGates", masked, old);
  return masked;
}

function copyField(field: keyof PodSpec, to: PodSpec, from: PodSpec): void {
  delete to[field];
  if (from[field] !== undefined) Object.assign(to, { [field]: from[field] });
}

/** A deadline may be set, and moved nearer. */
function checkDeadline(spec: PodSpec, old: PodSpec): FieldError[] {
  const field = "spec.activeDeadlineSeconds";
  const { activeDeadlineSeconds: before } = old;
  const { activeDeadlineSeconds: after } = spec;
  if (before === undefined) return [];
  if (after === undefined)
    return [invalidValue(field, after, "must not update from a positive integer to nil value")];
  if (after > before) return [invalidValue(field, after, "must be less than or equal to previous value")];
  return [];
}

export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors = validateObjectMetaUpdate(pod.metadata, old.metadata);
  const { status = {} } = pod;
  const restartPolicy = old.spec?.restartPolicy ?? "Always";
  for (const part of ["containerStatuses", "initContainerStatuses"] as const) {
    const sidecars = part === "initContainerStatuses" ? sidecarsOf(old) : new Set<string>();
    errors.push(
      ...checkTransitions(
        `status.${part}`,
        status[part] ?? [],
        old.status?.[part] ?? [],
        restartPolicy,
        sidecars,
      ),
    );
  }
  return [...errors, ...checkAddresses("status.podIPs", status.podIP, status.podIPs ?? [])];
}

function sidecarsOf({ spec }: Pod): ReadonlySet<string> {
  const inits = spec?.initContainers ?? [];
  return new Set(inits.filter((container) => container.restartPolicy === "Always").map(({ name }) => name));
}

/** A container that has ended for good does not begin again. */
function checkTransitions(
  field: string,
  statuses: readonly ContainerStatus[],
  before: readonly ContainerStatus[],
  restartPolicy: string,
  mayRestart: ReadonlySet<string>,
): FieldError[] {
  if (restartPolicy === "Always") return [];
  return before.flatMap(({ name, state }, i) => {
    const ended = state?.terminated;
    if (ended === undefined || mayRestart.has(name)) return [];
    if (ended.exitCode !== 0 && restartPolicy === "OnFailure") return [];
    const now = statuses.find((status) => status.name === name);
    if (now === undefined || now.state?.terminated !== undefined) return [];
    return [forbiddenField(`${field}[${i}].state`, "may not be transitioned to non-terminated state")];
  });
}

/** At most one address a family, and the older singular field is the first of them. */
function checkAddresses(
  field: string,
  first: string | undefined,
  addresses: readonly { readonly ip: string }[],
): FieldError[] {
  const errors = addresses.flatMap(({ ip }, i) => checkAddress(`${field}[${i}]`, ip));
  if (first !== undefined && addresses.length > 0 && addresses[0]!.ip !== first)
    errors.push(invalidValue(`${field}[0].ip`, addresses[0]!.ip, "must be equal to `podIP`"));
  for (const [i, { ip }] of addresses.entries())
    if (addresses.findIndex((other) => other.ip === ip) < i) errors.push(duplicate(`${field}[${i}]`, { ip }));
  const families = new Set(addresses.map(({ ip }) => familyOf(ip)));
  if (errors.length === 0 && families.size < addresses.length)
    errors.push(
      invalidValue(
        field,
        addresses,
        "may specify no more than one IP for each IP family, i.e 192.168.0.1 and 2001:db8::1",
      ),
    );
  return errors;
}
