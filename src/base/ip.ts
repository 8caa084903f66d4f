/**
 * IP addresses and CIDR ranges as plain values.
 *
 * An address is a family and a number, so that ranges are arithmetic; text follows RFC 5952 for IPv6 and is
 * strict for IPv4 (no leading zeros, no shorthand), as Kubernetes' strict IP validation has it.
 */
import { isIPv6 } from "node:net";

export type IpFamily = 4 | 6;

export interface Ip {
  readonly family: IpFamily;
  /** Network order value: 32 bits for IPv4, 128 for IPv6. */
  readonly value: bigint;
}

export interface Cidr {
  /** The first address of the range: host bits are zero. */
  readonly base: Ip;
  /** Prefix length in bits: 0-32 for IPv4, 0-128 for IPv6. */
  readonly length: number;
}

const BITS = { 4: 32, 6: 128 } as const;

/** The address that `text` writes, or undefined if it writes none. IPv4 with leading zeros and zone ids are none. */
export function parseIp(text: string): Ip | undefined {
  const value = parseIpv4Value(text);
  if (value !== undefined) return { family: 4, value: BigInt(value) };
  if (!isIPv6(text) || text.includes("%")) return undefined;
  return { family: 6, value: parseIpv6Value(text) };
}

const DOT = 0x2e;
const ZERO = 0x30;

/** By hand: every write of a Service reads its addresses several times, and a pattern takes ten times as long. */
function parseIpv4Value(text: string): number | undefined {
  // "255.255.255.255"
  if (text.length > 15) return undefined;
  let value = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (digits === 0 || ++dots > 3) return undefined;
      value = value * 256 + octet;
      octet = digits = 0;
    } else {
      const digit = code - ZERO;
      // The second digit after a zero is a leading zero.
      if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return undefined;
      octet = octet * 10 + digit;
      if (octet > 255) return undefined;
      digits++;
    }
  }
  return dots === 3 && digits > 0 ? value * 256 + octet : undefined;
}

/** As {@link parseIp}, for text that is known to be an address. Throws RangeError with the text otherwise. */
export function ip(text: string): Ip {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new RangeError(`not an IP address: ${JSON.stringify(text)}`);
  return parsed;
}

function parseIpv6Value(text: string): bigint {
  const dotted = text.lastIndexOf(".") < 0 ? undefined : text.slice(text.lastIndexOf(":") + 1);
  let hex = text;
  if (dotted !== undefined) {
    const v4 = ip(dotted).value;
    const tail = `${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}`;
    hex = text.slice(0, text.length - dotted.length) + tail;
  }
  const [head = "", tail] = hex.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups =
    tail === undefined ? left : [...left, ...Array(8 - left.length - right.length).fill("0"), ...right];
  let value = 0n;
  for (const group of groups) value = (value << 16n) | BigInt(`0x${group}`);
  return value;
}

/** The canonical text: dotted quad, or RFC 5952 (lower case, longest run of zero groups compressed). */
export function formatIp({ family, value }: Ip): string {
  if (family === 4) {
    const number = Number(value);
    return `${number >>> 24}.${(number >>> 16) & 0xff}.${(number >>> 8) & 0xff}.${number & 0xff}`;
  }
  const groups = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn));
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8;) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > bestLength) [bestStart, bestLength] = [start, end - start];
    start = Math.max(end, start + 1);
  }
  const hex = groups.map((group) => group.toString(16));
  if (bestStart < 0) return hex.join(":");
  return `${hex.slice(0, bestStart).join(":")}::${hex.slice(bestStart + bestLength).join(":")}`;
}

/** Network order bytes: 4 or 16. */
export function ipBytes({ family, value }: Ip): Uint8Array {
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  let rest = value;
  for (let i = bytes.length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** The address in 4 or 16 network order bytes. Throws RangeError for another length. */
export function ipFromBytes(bytes: Uint8Array): Ip {
  if (bytes.length !== 4 && bytes.length !== 16)
    throw new RangeError(`an IP address has 4 or 16 bytes, not ${bytes.length}`);
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return { family: bytes.length === 4 ? 4 : 6, value };
}

/** The range that `text` ("10.96.0.0/16") writes, or undefined. Host bits must be zero. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  const base = slash < 0 ? undefined : parseIp(text.slice(0, slash));
  const suffix = text.slice(slash + 1);
  if (base === undefined || !/^(0|[1-9]\d{0,2})$/.test(suffix)) return undefined;
  const length = Number(suffix);
  if (length > BITS[base.family]) return undefined;
  const cidr = { base, length };
  return base.value % cidrSize(cidr) === 0n ? cidr : undefined;
}

/** As {@link parseCidr}, for text that is known to be a range. Throws RangeError with the text otherwise. */
export function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new RangeError(`not a CIDR range: ${JSON.stringify(text)}`);
  return parsed;
}

export function formatCidr({ base, length }: Cidr): string {
  return `${formatIp(base)}/${length}`;
}

/** The canonical text of a range; a text that is none stays as it is. */
export function canonicalCidr(text: string): string {
  const range = parseCidr(text);
  return range === undefined ? text : formatCidr(range);
}

/** How many addresses the range has, the first and the last included. */
export function cidrSize({ base, length }: Cidr): bigint {
  return 1n << BigInt(BITS[base.family] - length);
}

export function cidrContains(range: Cidr, address: Ip): boolean {
  if (range.base.family !== address.family) return false;
  const offset = address.value - range.base.value;
  return offset >= 0n && offset < cidrSize(range);
}

/** The address at `offset` from the start of the range. Throws RangeError past its end. */
export function cidrAddress(range: Cidr, offset: bigint | number): Ip {
  const at = BigInt(offset);
  if (at < 0n || at >= cidrSize(range)) throw new RangeError(`no address ${at} in ${formatCidr(range)}`);
  return { family: range.base.family, value: range.base.value + at };
}

export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return cidrContains(a, b.base) || cidrContains(b, a.base);
}
