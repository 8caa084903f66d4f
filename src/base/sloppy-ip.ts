/**
 * IP addresses and ranges as fields of Kubernetes older than 1.27 take them (ParseIPSloppy and ParseCIDRSloppy of
 * k8s.io/utils/net, which keep what Go 1.17 read): leading zeros are decimal ("010.0.0.1" is 10.0.0.1), an
 * IPv4-mapped IPv6 address is its IPv4 address, and a range may have bits beyond its prefix, which count for nothing.
 *
 * Whatever reads such a field reads it with these; formatting the answer again gives the canonical text.
 */
import { type Cidr, cidrSize, formatIp, type Ip, parseIp } from "./ip.ts";

/** ::ffff:0:0/96. */
const MAPPED_PREFIX = 0xffffn;

/** The address that `text` writes, read with a kind eye; undefined if it writes none. */
export function parseSloppyIp(text: string): Ip | undefined {
  const address = parseIp(text) ?? parseIp(withoutLeadingZeros(text));
  return address === undefined ? undefined : unmapped(address);
}

/** The canonical text of `address`, which was read from `text`: the same string if that is it, which takes no memory. */
export function canonicalText(address: Ip, text: string): string {
  const canonical = formatIp(address);
  return canonical === text ? text : canonical;
}

/** The canonical form of an address in `text`; a text that is none stays as it is. */
export function canonicalAddress(text: string): string {
  const strict = parseIp(text);
  // There is one way to write IPv4 strictly, so most texts need no writing.
  if (strict?.family === 4) return text;
  const address = strict === undefined ? parseSloppyIp(text) : unmapped(strict);
  return address === undefined ? text : formatIp(address);
}

/** The address itself, or the IPv4 address that it wraps. */
export function unmapped(address: Ip): Ip {
  return isMapped(address) ? { family: 4, value: address.value & 0xffff_ffffn } : address;
}

/** Whether it is one of ::ffff:0:0/96. */
export function isMapped({ family, value }: Ip): boolean {
  return family === 6 && value >> 32n === MAPPED_PREFIX;
}

export interface SloppyCidr {
  /** As written, bits beyond the prefix included. */
  readonly address: Ip;
  /** What it means. */
  readonly range: Cidr;
}

/** The range that `text` writes, read with a kind eye; undefined if it writes none. */
export function parseSloppyCidr(text: string): SloppyCidr | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const written = text.slice(0, slash);
  const wide = parseIp(written) ?? parseIp(withoutLeadingZeros(written));
  const suffix = text.slice(slash + 1);
  if (wide === undefined || !/^\d+$/.test(suffix)) return undefined;
  const length = Number(suffix);
  if (length > (wide.family === 4 ? 32 : 128)) return undefined;
  const address = unmapped(wide);
  // Go masks the address as it is written, and only then looks for IPv4 in what is left.
  const masked = { base: wide, length };
  const base: Ip = { family: wide.family, value: wide.value - (wide.value % cidrSize(masked)) };
  const range: Cidr =
    isMapped(base) && length >= 96 ? { base: unmapped(base), length: length - 96 } : { base, length };
  return { address, range };
}

/** Octets and groups without the zeros before them: Go 1.17 skips any number of these. */
function withoutLeadingZeros(text: string): string {
  return text.replace(/(^|[.:])0+(?=[0-9a-fA-F])/g, "$1");
}
