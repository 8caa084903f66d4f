/**
 * `Warning:` texts about addresses that are accepted but will not be one day, or are not in the one form of RFC 5952
 * (apimachinery util/validation GetWarningsForIP and GetWarningsForCIDR, KEP-4858). Nothing is said of what is no address.
 */
import { formatCidr, formatIp, parseIp } from "../../base/ip.ts";
import { isMapped, parseSloppyCidr, parseSloppyIp } from "../../base/sloppy-ip.ts";

export function addressWarnings(field: string, text: string): string[] {
  const address = parseSloppyIp(text);
  if (address === undefined) return [];
  const strict = parseIp(text);
  const canonical = formatIp(address);
  if (strict === undefined || isMapped(strict))
    return [
      `${field}: non-standard IP address ${JSON.stringify(text)} will be considered invalid in a future Kubernetes release: use ${JSON.stringify(canonical)}`,
    ];
  return address.family === 6 ? formWarnings(`${field}: IPv6 address`, text, canonical) : [];
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
  const parsed = parseSloppyCidr(text);
  if (parsed === undefined) return [];
  const { address, range } = parsed;
  const [written = "", length = ""] = text.split("/");
  const canonical = JSON.stringify(formatCidr(range));
  const warnings: string[] = [];
  if (address.family !== range.base.family || address.value !== range.base.value) {
    // The number of bits is the mask's, which an IPv4 address in IPv6's clothes has 128 of.
    const alone = `${formatIp(address)}/${written.includes(":") ? 128 : 32}`;
    warnings.push(
      `${field}: CIDR value ${JSON.stringify(text)} is ambiguous in this context (should be ${canonical} or ${JSON.stringify(alone)}?)`,
    );
  }
  const strict = parseIp(written);
  if (strict === undefined || isMapped(strict) || length !== String(Number(length)))
    warnings.push(
      `${field}: non-standard CIDR value ${JSON.stringify(text)} will be considered invalid in a future Kubernetes release: use ${canonical}`,
    );
  if (warnings.length > 0 || range.base.family === 4) return warnings;
  return formWarnings(`${field}: IPv6 CIDR value`, text, formatCidr(range));
}

function formWarnings(what: string, text: string, canonical: string): string[] {
  if (text === canonical) return [];
  return [
    `${what} ${JSON.stringify(text)} should be in RFC 5952 canonical format (${JSON.stringify(canonical)})`,
  ];
}
