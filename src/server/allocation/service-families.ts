/**
 * Which IP families a Service has, and which of its addresses belong to them: what a client left out is filled in, from
 * the rules of spec.ipFamilyPolicy, ipFamilies, clusterIP and clusterIPs (pkg/registry/core/service/storage/alloc.go).
 */
import { parseSloppyIp } from "../../base/sloppy-ip.ts";
import { type FieldError, invalidValue } from "../../api/field-error.ts";
import type { IpFamilyName, Service, ServiceSpec } from "../../api/service/type.ts";

/** What the ranges that a Service's addresses come from can give. */
export interface FamilyOffer {
  /** The primary first. */
  readonly families: readonly IpFamilyName[];
  /** What is said of one that is not among them: in ipFamilies, and of an address. */
  readonly missing: (family: string) => string;
  readonly missingOfAddress: (family: string) => string;
  /** What is said to who demands two where there is one. */
  readonly singleStack: string;
}

/** Services of every type but ExternalName have addresses, or "None". */
export function hasAddresses(spec: ServiceSpec | undefined): spec is ServiceSpec {
  return spec !== undefined && spec.type !== "ExternalName";
}

export function isHeadless(spec: ServiceSpec): boolean {
  return spec.clusterIP === "None" || spec.clusterIPs?.[0] === "None";
}

/** Makes clusterIP and clusterIPs agree for clients that know only the older of the two. */
export function normalizeClusterIPs(spec: ServiceSpec, old: ServiceSpec | undefined): void {
  const singular = spec.clusterIP ?? "";
  if (old === undefined) {
    // Never the other way round: a client that knows the list must give both.
    if (singular !== "" && (spec.clusterIPs ?? []).length === 0) spec.clusterIPs = [singular];
    return;
  }
  if (singular === (old.clusterIP ?? "") || !sameList(spec.clusterIPs, old.clusterIPs)) return;
  if (singular === "") delete spec.clusterIPs;
  else spec.clusterIPs = [singular];
}

/** Fills in the addresses that an update left out, so that the same file can be put again. */
export function keepClusterIPs(spec: ServiceSpec, old: ServiceSpec): void {
  if (!hasAddresses(spec) || !hasAddresses(old)) return;
  if ((spec.clusterIP ?? "") === "" && old.clusterIP !== undefined) spec.clusterIP = old.clusterIP;
  if (
    (spec.clusterIPs ?? []).length === 0 &&
    spec.clusterIP === old.clusterIP &&
    old.clusterIPs !== undefined
  )
    spec.clusterIPs = [...old.clusterIPs];
}

/**
 * Fills in ipFamilyPolicy and ipFamilies.
 * Returns what cannot be had; the object is then only good for the message.
 */
export function fillFamilies(
  { spec }: Service,
  old: ServiceSpec | undefined,
  offer: FamilyOffer,
): FieldError[] {
  if (!hasAddresses(spec)) return [];
  const { families } = offer;
  const errors: FieldError[] = [];
  if (old !== undefined && hasAddresses(old)) {
    spec.ipFamilyPolicy ??= old.ipFamilyPolicy ?? "SingleStack";
    if ((spec.ipFamilies ?? []).length === 0 && old.ipFamilies !== undefined)
      spec.ipFamilies = [...old.ipFamilies];
    trimSecondary(spec, old);
    // A cluster that became dual-stack changes no Service that was there before.
    if (isUnchangedPreferDualStack(spec, old)) return [];
    errors.push(...checkReduction(spec, old));
  }
  errors.push(...checkFamilies(spec, offer));
  if (errors.length > 0) return errors;

  const policyGiven = spec.ipFamilyPolicy !== undefined;
  // Nobody knows which families somebody else's endpoints will have.
  const anyFamily = isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= anyFamily ? "RequireDualStack" : "SingleStack";
  const wanted = [...(spec.ipFamilies ?? [])];
  const addresses = isHeadless(spec) ? [] : (spec.clusterIPs ?? []);
  for (const [i, address] of addresses.entries()) {
    const family = familyOf(address);
    if (i < wanted.length || family === undefined) continue;
    if (!families.includes(family))
      errors.push(invalidValue(`spec.clusterIPs[${i}]`, spec.clusterIPs, offer.missingOfAddress(family)));
    wanted.push(family);
  }
  if (errors.length > 0) return errors;
  if (wanted.length === 0) wanted.push(families[0]!);
  const second = wanted[0] === "IPv4" ? "IPv6" : "IPv4";
  const dual = families.includes(second) || anyFamily;
  if (spec.ipFamilyPolicy !== "SingleStack" && wanted.length === 1 && dual) wanted.push(second);
  spec.ipFamilies = wanted;
  if (spec.ipFamilyPolicy === "RequireDualStack" && policyGiven && !anyFamily && families.length < 2)
    return [invalidValue("spec.ipFamilyPolicy", spec.ipFamilyPolicy, offer.singleStack)];
  return [];
}

/** An update to SingleStack that leaves both lists alone means: drop the second of each. */
function trimSecondary(spec: ServiceSpec, old: ServiceSpec): void {
  if (spec.ipFamilyPolicy !== "SingleStack" || old.ipFamilyPolicy === "SingleStack") return;
  if (!sameList(spec.clusterIPs, old.clusterIPs) || !sameList(spec.ipFamilies, old.ipFamilies)) return;
  if ((spec.clusterIPs ?? []).length > 1) spec.clusterIPs = spec.clusterIPs!.slice(0, 1);
  if ((spec.ipFamilies ?? []).length > 1) spec.ipFamilies = spec.ipFamilies!.slice(0, 1);
}

/** Only SingleStack lets a second address or family go. */
function checkReduction(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (spec.ipFamilyPolicy === "SingleStack") return [];
  const reduced = (after: readonly string[] = [], before: readonly string[] = []): boolean =>
    after.length > 0 && after.length < before.length;
  const sentence = (what: string): FieldError =>
    invalidValue(
      "spec.ipFamilyPolicy",
      spec.ipFamilyPolicy,
      `must be 'SingleStack' to release the secondary ${what}`,
    );
  return [
    ...(reduced(spec.clusterIPs, old.clusterIPs) ? [sentence("cluster IP")] : []),
    ...(reduced(spec.ipFamilies, old.ipFamilies) ? [sentence("IP family")] : []),
  ];
}

function isUnchangedPreferDualStack(spec: ServiceSpec, old: ServiceSpec): boolean {
  return (
    spec.ipFamilyPolicy === "PreferDualStack" &&
    old.ipFamilyPolicy === "PreferDualStack" &&
    spec.clusterIP === old.clusterIP &&
    sameList(spec.clusterIPs, old.clusterIPs) &&
    sameList(spec.ipFamilies, old.ipFamilies)
  );
}

/** What is wrong about families before anything is filled in. */
function checkFamilies(spec: ServiceSpec, { families, missing }: FamilyOffer): FieldError[] {
  const errors: FieldError[] = [];
  const given = spec.ipFamilies ?? [];
  const addresses = spec.clusterIPs ?? [];
  if (!isHeadless(spec))
    for (const [i, family] of given.entries())
      if (!families.includes(family))
        errors.push(invalidValue(`spec.ipFamilies[${i}]`, family, missing(family)));
  if (!isHeadless(spec))
    for (const [i, address] of addresses.entries()) {
      const family = familyOf(address);
      const expected = given[i];
      if (family !== undefined && expected !== undefined && family !== expected)
        errors.push(
          invalidValue(
            `spec.clusterIPs[${i}]`,
            address,
            `expected an ${expected} value as indicated by \`ipFamilies[${i}]\``,
          ),
        );
    }
  if (spec.ipFamilyPolicy === "SingleStack" || spec.ipFamilyPolicy === undefined) {
    const policy = spec.ipFamilyPolicy ?? "SingleStack";
    const sentence = (what: string): FieldError =>
      invalidValue(
        "spec.ipFamilyPolicy",
        policy,
        `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
      );
    if (addresses.length > 1) errors.push(sentence("cluster IPs"));
    if (given.length > 1 && !(isHeadless(spec) && spec.ipFamilyPolicy === undefined))
      errors.push(sentence("IP families"));
  }
  return errors;
}

function familyOf(address: string): IpFamilyName | undefined {
  const parsed = parseSloppyIp(address);
  return parsed === undefined ? undefined : `IPv${parsed.family}`;
}

function sameList(a: readonly string[] = [], b: readonly string[] = []): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
