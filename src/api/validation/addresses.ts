/**
 * The syntax of IP addresses and ranges (apimachinery util/validation/ip.go). Fields older than Kubernetes 1.27 take
 * sloppy ones too (base/sloppy-ip.ts), with a warning (address-warnings.ts), for as long as StrictIPCIDRValidation is off:
 * IsValidIPForLegacyField, IsValidCIDRForLegacyField. Newer ones take the canonical form alone.
 */
import { cidrContains, cidr, formatCidr, formatIp, ip, parseCidr, parseIp } from "../../base/ip.ts";
import type { Cidr, Ip, IpFamily } from "../../base/ip.ts";
import { isMapped, parseSloppyCidr, parseSloppyIp } from "../../base/sloppy-ip.ts";
import type { FieldError } from "../field-error.ts";
import { invalidValue } from "../field-error.ts";
import type { ValidationContext } from "../kind.ts";

const NOT_AN_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const NOT_A_RANGE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

export function checkAddress(field: string, text: string): FieldError[] {
  return parseSloppyIp(text) === undefined ? [invalidValue(field, text, NOT_AN_ADDRESS)] : [];
}

export function checkRange(field: string, text: string): FieldError[] {
  return parseSloppyCidr(text) === undefined ? [invalidValue(field, text, NOT_A_RANGE)] : [];
}

/** An address in the one form that newer fields take (IsValidIP). */
export function checkCanonicalAddress(field: string, text: string): FieldError[] {
  const errors = checkAddress(field, text);
  if (errors.length > 0) return errors;
  const address = parseIp(text);
  if (address === undefined) return [invalidValue(field, text, "must not have leading 0s")];
  if (isMapped(address)) return [invalidValue(field, text, "must not be an IPv4-mapped IPv6 address")];
  return checkForm(field, text, formatIp(address));
}

/** A range in the one form that newer fields take (IsValidCIDR). */
export function checkCanonicalRange(field: string, text: string): FieldError[] {
  const errors = checkRange(field, text);
  if (errors.length > 0) return errors;
  const complain = (detail: string): FieldError[] => [invalidValue(field, text, detail)];
  const [written = "", length = ""] = text.split("/");
  const address = parseIp(written);
  if (address === undefined || length !== String(Number(length)))
    return complain("must not have leading 0s in IP or prefix length");
  if (isMapped(address)) return complain("must not have an IPv4-mapped IPv6 address");
  const range = parseCidr(text);
  if (range === undefined) return complain("must not have bits set beyond the prefix length");
  return checkForm(field, text, formatCidr(range));
}

function checkForm(field: string, text: string, canonical: string): FieldError[] {
  if (text === canonical) return [];
  return [invalidValue(field, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

const LOOPBACK: readonly Cidr[] = [cidr("127.0.0.0/8"), cidr("::1/128")];

const SPECIAL: readonly (readonly [readonly Cidr[], (text: string) => string])[] = [
  [[cidr("0.0.0.0/32"), cidr("::/128")], (text) => `may not be unspecified (${text})`],
  [LOOPBACK, () => "may not be in the loopback range (127.0.0.0/8, ::1/128)"],
  [
    [cidr("169.254.0.0/16"), cidr("fe80::/10")],
    () => "may not be in the link-local range (169.254.0.0/16, fe80::/10)",
  ],
  [
    [cidr("224.0.0.0/24"), cidr("ff02::/16")],
    () => "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)",
  ],
];

export function isLoopback(address: Ip): boolean {
  return LOOPBACK.some((range) => cidrContains(range, address));
}

/** Addresses that can be nobody's endpoint: unspecified, loopback, link-local. `text` is an address. */
export function checkNonSpecialAddress(
  field: string,
  text: string,
  { loopbackEndpoints = false }: Pick<ValidationContext, "loopbackEndpoints"> = {},
): FieldError[] {
  const address = parseSloppyIp(text) ?? ip(text);
  if (loopbackEndpoints && isLoopback(address)) return [];
  return SPECIAL.filter(([ranges]) => ranges.some((range) => cidrContains(range, address))).map(
    ([, sentence]) => invalidValue(field, text, sentence(text)),
  );
}

/** The family of an address in text, sloppy or not; undefined if it is none. */
export function familyOf(text: string): IpFamily | undefined {
  return parseSloppyIp(text)?.family;
}
