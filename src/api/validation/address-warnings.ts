/**
 * `Warning:` texts about addresses that are accepted but not in the one form of RFC 5952 (apimachinery util/validation
 * GetWarningsForIP, KEP-4858). What is worse than that is refused here (addresses.ts). Nothing is said of what is no address.
 */
import { formatCidr, formatIp, parseCidr, parseIp } from "../../base/ip.ts";

export function addressWarnings(field: string, text: string): string[] {
  const address = parseIp(text);
  if (address?.family !== 6) return [];
  return formWarnings(`${field}: IPv6 address`, text, formatIp(address));
}

/** Of the places where a load balancer can be reached, as far as they are new. */
export function ingressAddressWarnings(
  field: string,
  places: readonly { readonly ip?: string }[] = [],
  old: readonly { readonly ip?: string }[] = [],
): string[] {
  const before = new Set(old.map(({ ip }) => ip));
  return places.flatMap(({ ip = "" }, i) => (before.has(ip) ? [] : addressWarnings(`${field}[${i}].ip`, ip)));
}

export function rangeWarnings(field: string, text: string): string[] {
  const range = parseCidr(text);
  if (range?.base.family !== 6) return [];
  return formWarnings(`${field}: IPv6 CIDR value`, text, formatCidr(range));
}

function formWarnings(what: string, text: string, canonical: string): string[] {
  if (text === canonical) return [];
  return [
    `${what} ${JSON.stringify(text)} should be in RFC 5952 canonical format (${JSON.stringify(canonical)})`,
  ];
}
