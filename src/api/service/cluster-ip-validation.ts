/**
 * clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy: what fits together, and what an update may change
 * (pkg/apis/core/validation ValidateServiceClusterIPsRelatedFields, validateUpgradeDowngrade*).
 */
import type { FieldError } from "../field-error.ts";
import { duplicate, invalidValue, notSupported, required } from "../field-error.ts";
import { checkAddress, familyOf } from "../validation/addresses.ts";
import { checkOptionalOneOf } from "../validation/checks.ts";
import { serviceNetwork } from "../network/service-network.ts";
import { isHeadlessService } from "./traits.ts";
import type { Service } from "./type.ts";

const FAMILIES = ["IPv4", "IPv6"];
const POLICIES = ["SingleStack", "PreferDualStack", "RequireDualStack"];

export function validateClusterIps(service: Service): FieldError[] {
  const { type, clusterIP = "", clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = service.spec ?? {};
  // An ExternalName must have none of them, which is checked with the type.
  if (type === "ExternalName") return [];
  const errors: FieldError[] = [];
  const field = "spec.clusterIPs";
  if (clusterIP !== "") {
    if (clusterIPs.length === 0) errors.push(required(field));
    else if (clusterIPs[0] !== clusterIP)
      errors.push(invalidValue(field, clusterIPs, "first value must match `clusterIP`"));
  } else if (clusterIPs.length > 0)
    errors.push(invalidValue(field, clusterIPs, "must be empty when `clusterIP` is not specified"));

  for (const [i, family] of ipFamilies.entries()) {
    if (!FAMILIES.includes(family)) errors.push(notSupported(`spec.ipFamilies[${i}]`, family, FAMILIES));
    if (ipFamilies.indexOf(family) < i) errors.push(duplicate(`spec.ipFamilies[${i}]`, family));
  }
  errors.push(...checkOptionalOneOf("spec.ipFamilyPolicy", ipFamilyPolicy, POLICIES));

  const addresses = checkAddresses(field, clusterIPs);
  errors.push(...addresses);
  if (clusterIPs.length > 2) errors.push(invalidValue(field, clusterIPs, "may only hold up to 2 values"));
  // What follows would only repeat in other words that an address is none.
  if (addresses.length > 0) return errors;
  if (clusterIPs.length > 1 && new Set(clusterIPs.map(familyOf)).size < clusterIPs.length)
    errors.push(invalidValue(field, clusterIPs, "may specify no more than one IP for each IP family"));
  if (isHeadlessService(service)) return errors;
  for (const [i, address] of clusterIPs.entries()) {
    const family = ipFamilies[i];
    if (family === undefined || family === `IPv${familyOf(address)}`) continue;
    const detail = `expected an ${family} value as indicated by \`ipFamilies[${i}]\``;
    errors.push(invalidValue(`${field}[${i}]`, address, detail));
  }
  return errors;
}

function checkAddresses(field: string, clusterIPs: readonly string[]): FieldError[] {
  return clusterIPs.flatMap((address, i) => {
    if (i > 0 || address !== "None") return checkAddress(`${field}[${i}]`, address);
    if (clusterIPs.length === 1) return [];
    return [invalidValue(field, clusterIPs, "'None' must be the first and only value")];
  });
}

/** The first address and family are for life, unless the Service was or becomes an ExternalName. */
export function validateClusterIpsUpdate(service: Service, old: Service): FieldError[] {
  if (service.spec?.type === "ExternalName" || old.spec?.type === "ExternalName") return [];
  const errors: FieldError[] = [];
  const isHeadless = isHeadlessService(service);
  const wasHeadless = isHeadlessService(old);
  // A Service that names another Network gets its addresses there, of the families that there are.
  const moves = !isHeadless && !wasHeadless && serviceNetwork(service) !== serviceNetwork(old);
  if (moves) return errors;
  if (!isHeadless || !wasHeadless) errors.push(...checkAddressesUpdate(service, old));
  if (!isHeadless && !wasHeadless) errors.push(...checkFamiliesUpdate(service, old));
  return errors;
}

function checkAddressesUpdate({ spec = {} }: Service, old: Service): FieldError[] {
  const before = old.spec?.clusterIPs ?? [];
  const after = spec.clusterIPs ?? [];
  const changed = (i: number): FieldError =>
    invalidValue(`spec.clusterIPs[${i}]`, after, "may not change once set");
  if (before.length === after.length)
    return before.flatMap((address, i) => (address === after[i] ? [] : [changed(i)]));
  const errors: FieldError[] = [];
  if (after.length === 0)
    return [invalidValue("spec.clusterIPs[0]", after, "primary clusterIP can not be unset")];
  if (before.length > 0 && after[0] !== before[0]) errors.push(changed(0));
  if (before.length > after.length && after.length === 1 && spec.ipFamilyPolicy !== "SingleStack") {
    const detail = "must be set to 'SingleStack' when releasing the secondary clusterIP";
    errors.push(invalidValue("spec.ipFamilyPolicy", spec.ipFamilyPolicy, detail));
  }
  return errors;
}

function checkFamiliesUpdate({ spec = {} }: Service, old: Service): FieldError[] {
  const before = old.spec?.ipFamilies ?? [];
  const after = spec.ipFamilies ?? [];
  const changed = invalidValue("spec.ipFamilies[0]", after, "may not change once set");
  if (before.length === after.length)
    return before.flatMap((family, i) => (family === after[i] ? [] : [changed]));
  const errors: FieldError[] = [];
  if (after.length === 0)
    return [invalidValue("spec.ipFamilies[0]", after, "primary ipFamily can not be unset")];
  if (before.length > 0 && after[0] !== before[0]) errors.push(changed);
  if (before.length > after.length && after.length === 1 && spec.ipFamilyPolicy !== "SingleStack") {
    const detail = "must be set to 'SingleStack' when releasing the secondary ipFamily";
    errors.push(invalidValue("spec.ipFamilyPolicy", spec.ipFamilyPolicy, detail));
  }
  return errors;
}
