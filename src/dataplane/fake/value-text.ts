/** Bytes of registers and sets as nft shows them: "10.96.0.10 . tcp . 80". */
import { formatIp, ipFromBytes } from "../../base/ip.ts";
import type { Datatype, SetDefinition, SetElement, Verdict } from "../../net/nftables/model.ts";

type TypeName = keyof typeof Datatype;

const LENGTHS: Readonly<Record<TypeName, number>> = {
  verdict: 0,
  integer: 4,
  ipv4_addr: 4,
  ipv6_addr: 16,
  inet_proto: 1,
  inet_service: 2,
  mark: 4,
  ifname: 16,
};

/** Bytes of each part, without the padding to 4. */
export function partLengths(types: readonly TypeName[]): number[] {
  return types.map((type) => LENGTHS[type]);
}

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: "icmp",
  6: "tcp",
  17: "udp",
  58: "icmpv6",
  132: "sctp",
};

/** An unsigned number from bytes in host order, which is little endian wherever this runs. */
export function hostNumber(bytes: Uint8Array): number {
  return bytes.reduceRight((total, byte) => total * 256 + byte, 0);
}

export function networkNumber(bytes: Uint8Array): number {
  return bytes.reduce((total, byte) => total * 256 + byte, 0);
}

/** An interface name without the zeros that pad it to IFNAMSIZ. */
export function interfaceName(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1").replace(/\0.*$/s, "");
}

/** A value whose parts have these types, each padded to 4 bytes. */
export function formatValue(types: readonly TypeName[], bytes: Uint8Array): string {
  let at = 0;
  const parts = types.map((type) => {
    const part = bytes.subarray(at, at + LENGTHS[type]);
    at += Math.ceil(LENGTHS[type] / 4) * 4;
    return formatPart(type, part);
  });
  return parts.join(" . ");
}

function formatPart(type: TypeName, bytes: Uint8Array): string {
  if (bytes.length < LENGTHS[type]) return `0x${Buffer.from(bytes).toString("hex")}`;
  switch (type) {
    case "ipv4_addr":
    case "ipv6_addr":
      return formatIp(ipFromBytes(bytes));
    case "inet_proto":
      return PROTOCOLS[bytes[0]!] ?? String(bytes[0]);
    case "inet_service":
      return String(networkNumber(bytes));
    case "ifname":
      return interfaceName(bytes);
    default:
      return String(hostNumber(bytes));
  }
}

export function formatVerdict(verdict: Verdict): string {
  return "chain" in verdict ? `${verdict.code} ${verdict.chain}` : verdict.code;
}

/** "slots4: 10.96.0.10 . tcp . 80 -> 3", as what a lookup of `key` found. */
export function formatLookup(
  { name, keyTypes, dataTypes = [] }: SetDefinition,
  key: Uint8Array,
  found: SetElement | undefined,
): string {
  const value = formatValue(keyTypes, key);
  if (found === undefined) return `${value} is not in ${name}`;
  if (found.verdict !== undefined) return `${name}: ${value} -> ${formatVerdict(found.verdict)}`;
  if (found.data !== undefined) return `${name}: ${value} -> ${formatValue(dataTypes, found.data)}`;
  return `${value} is in ${name}`;
}
