/** The syntax of IP addresses and ranges (apimachinery util/validation/ip.go, the strict form of KEP-4858). */
import { cidrContains, cidr, formatCidr, formatIp, ip, parseCidr, parseIp } from "../../base/ip.ts";
import type { Cidr, Ip, IpFamily } from "../../base/ip.ts";
import type { FieldError } from "../field-error.ts";
import { invalidValue } from "../field-error.ts";
import type { ValidationContext } from "../kind.ts";

const NOT_AN_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const NOT_A_RANGE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

/** IPv4 in IPv6 clothes: two ways to write one address, which allow lists have tripped over. */
const IPV4_MAPPED: Cidr = cidr("::ffff:0:0/96");

export function checkAddress(field: string, text: string): FieldError[] {
  const address = parseIp(text);
  if (address === undefined) {
    const padded = withoutLeadingZeros(text);
    return [
      invalidValue(
        field,
        text,
        padded !== text && parseIp(padded) !== undefined ? "must not have leading 0s" : NOT_AN_ADDRESS,
      ),
    ];
  }
  if (cidrContains(IPV4_MAPPED, address))
    return [invalidValue(field, text, "must not be an IPv4-mapped IPv6 address")];
  return [];
}

export function checkRange(field: string, text: string): FieldError[] {
  if (parseCidr(text) !== undefined) return [];
  const [address = "", length = "", ...rest] = text.split("/");
  const parsed = parseIp(address);
  const bits = parsed?.family === 6 ? 128 : 32;
  const complain = (detail: string): FieldError[] => [invalidValue(field, text, detail)];
  if (rest.length > 0 || !/^\d{1,4}$/.test(length)) return complain(NOT_A_RANGE);
  if (parsed === undefined)
    return complain(
      parseIp(withoutLeadingZeros(address)) === undefined ? NOT_A_RANGE : "must not have leading 0s in IP",
    );
  if (length !== String(Number(length))) return complain("must not have leading 0s in prefix length");
  if (Number(length) > bits) return complain(NOT_A_RANGE);
  return complain("must not have bits set beyond the prefix length");
}

/** An address in the one form that fields newer than Kubernetes 1.29 take (IsValidIP). */
export function checkCanonicalAddress(field: string, text: string): FieldError[] {
  const errors = checkAddress(field, text);
  return errors.length > 0 ? errors : checkForm(field, text, formatIp(ip(text)));
}

/** A range in the one form that fields newer than Kubernetes 1.29 take (IsValidCIDR). */
export function checkCanonicalRange(field: string, text: string): FieldError[] {
  const errors = checkRange(field, text);
  if (errors.length > 0) return errors;
  const range = cidr(text);
  if (cidrContains(IPV4_MAPPED, range.base))
    return [invalidValue(field, text, "must not have an IPv4-mapped IPv6 address")];
  return checkForm(field, text, formatCidr(range));
}

function checkForm(field: string, text: string, canonical: string): FieldError[] {
  if (text === canonical) return [];
  return [invalidValue(field, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

function withoutLeadingZeros(text: string): string {
  return text.includes(":") ? text : text.replace(/(^|\.)0+(?=\d)/g, "$1");
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
  const address = ip(text);
  if (loopbackEndpoints && isLoopback(address)) return [];
  return SPECIAL.filter(([ranges]) => ranges.some((range) => cidrContains(range, address))).map(
    ([, sentence]) => invalidValue(field, text, sentence(text)),
  );
}

/** The family of an address in text; undefined if it is none. */
export function familyOf(text: string): IpFamily | undefined {
  return parseIp(text)?.family;
}
