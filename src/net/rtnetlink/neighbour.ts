/** The neighbour tables (ARP, NDP) in rtnetlink: RTM_NEWNEIGH and its siblings (linux/neighbour.h). */
import type { Ip, IpFamily } from "../../base/ip.ts";
import { ipBytes, ipFromBytes } from "../../base/ip.ts";
import type { NetlinkMessage } from "../../sys/netlink-message.ts";
import { hostU16, hostU32 } from "../../sys/netlink-message.ts";
import { AttributeReader } from "../netlink/parser.ts";
import type { NetlinkWriter } from "../netlink/writer.ts";
import { addressFamily, ipFamily } from "./family.ts";
import { formatMac, parseMac } from "./mac.ts";

export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
export const RTM_GETNEIGH = 30;

/** Length of struct ndmsg: family u8, pad u8, pad u16, index s32, state u16, flags u8, type u8. */
const NDMSG = 12;

const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDA_PROTOCOL = 12;

/** NTF_PROXY: not a neighbour, but an address that this host answers for. */
const NTF_PROXY = 0x08;

/** NUD_*: a set of bits, of which one is set. */
export const NeighbourState = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
} as const;

export interface Neighbour {
  /** Index of the interface. */
  readonly link: number;
  readonly address: Ip;
  /** undefined while it is not known. */
  readonly mac: string | undefined;
  /** NUD_*. */
  readonly state: number;
}

/** `type` is RTM_NEWNEIGH or RTM_DELNEIGH. */
export function writeNeighbour(writer: NetlinkWriter, type: number, flags: number, value: Neighbour): void {
  writer.startMessage(type, flags);
  writer.rawU8(addressFamily(value.address.family)).zeros(3).rawU32(value.link).rawU16(value.state).zeros(2);
  writer.bytes(NDA_DST, ipBytes(value.address));
  if (value.mac !== undefined) writer.bytes(NDA_LLADDR, parseMac(value.mac));
  writer.endMessage();
}

/** A dump of neighbours, or of the addresses that this host answers for (neigh_dump_info of net/core/neighbour.c). */
export function writeGetNeighbours(
  writer: NetlinkWriter,
  flags: number,
  family: IpFamily,
  which: "neighbours" | "proxies" = "neighbours",
): void {
  writer
    .startMessage(RTM_GETNEIGH, flags)
    .rawU8(addressFamily(family))
    .zeros(NDMSG - 3)
    .rawU8(which === "proxies" ? NTF_PROXY : 0)
    .zeros(1)
    .endMessage();
}

/**
 * An address for which this host answers ARP or neighbour solicitations on an interface, as if it were its own. IPv4: if
 * its route leads elsewhere than to the interface, which forwards (arp_process of net/ipv4/arp.c); IPv6: if the interface
 * has net.ipv6.conf.IF.proxy_ndp.
 */
export interface ProxyNeighbour {
  /** Index of the interface. */
  readonly link: number;
  readonly address: Ip;
  /** RTPROT_*: who made it; 0 if nobody said. */
  readonly protocol: number;
}

/** `type` is RTM_NEWNEIGH or RTM_DELNEIGH. */
export function writeProxy(writer: NetlinkWriter, type: number, flags: number, value: ProxyNeighbour): void {
  writer.startMessage(type, flags);
  writer.rawU8(addressFamily(value.address.family)).zeros(3).rawU32(value.link).rawU16(0);
  writer.rawU8(NTF_PROXY).zeros(1).bytes(NDA_DST, ipBytes(value.address));
  if (value.protocol !== 0) writer.u8(NDA_PROTOCOL, value.protocol);
  writer.endMessage();
}

/** The proxy in an RTM_NEWNEIGH or RTM_DELNEIGH message; undefined if it is none of IP. Throws NetlinkFormatError. */
export function readProxy(message: NetlinkMessage): ProxyNeighbour | undefined {
  const { payload } = message;
  const reader = new AttributeReader(payload, NDMSG);
  if (ipFamily(payload[0]!) === undefined || (payload[10]! & NTF_PROXY) === 0) return undefined;
  let address: Ip | undefined;
  let protocol = 0;
  while (reader.next()) {
    if (reader.type === NDA_DST) address = ipFromBytes(reader.bytes());
    else if (reader.type === NDA_PROTOCOL) protocol = reader.u8();
  }
  return address === undefined ? undefined : { link: hostU32(payload, 4), address, protocol };
}

/** The entry in an RTM_NEWNEIGH or RTM_DELNEIGH message; undefined if it is not IP. Throws NetlinkFormatError. */
export function readNeighbour(message: NetlinkMessage): Neighbour | undefined {
  const { payload } = message;
  const reader = new AttributeReader(payload, NDMSG);
  if (ipFamily(payload[0]!) === undefined) return undefined;
  let address: Ip | undefined;
  let mac: string | undefined;
  while (reader.next()) {
    if (reader.type === NDA_DST) address = ipFromBytes(reader.bytes());
    else if (reader.type === NDA_LLADDR && reader.length > 0) mac = formatMac(reader.bytes());
  }
  if (address === undefined) return undefined;
  return { link: hostU32(payload, 4), address, mac, state: hostU16(payload, 8) };
}
