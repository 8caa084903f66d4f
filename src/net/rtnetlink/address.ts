/** Addresses of interfaces in rtnetlink: RTM_NEWADDR and its siblings (linux/if_addr.h). */
import type { Ip, IpFamily } from "../../base/ip.ts";
import { ipBytes, ipFromBytes } from "../../base/ip.ts";
import type { NetlinkMessage } from "../../sys/netlink-message.ts";
import { hostU32 } from "../../sys/netlink-message.ts";
import { AttributeReader } from "../netlink/parser.ts";
import type { NetlinkWriter } from "../netlink/writer.ts";
import { addressFamily, ipFamily } from "./family.ts";

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;

/** Length of struct ifaddrmsg: family u8, prefix length u8, flags u8, scope u8, index u32. */
const IFADDRMSG = 8;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;

/** Skip duplicate address detection: an IPv6 address is usable at once instead of after a second. */
export const IFA_F_NODAD = 0x02;

export interface LinkAddress {
  /** Index of the interface. */
  readonly link: number;
  readonly address: Ip;
  /** Bits of the address that are the network on this interface. */
  readonly prefixLength: number;
  /** RT_SCOPE_*: 0 universe, 253 link, 254 host. */
  readonly scope: number;
  /** IFA_F_*. */
  readonly flags: number;
}

/** `type` is RTM_NEWADDR or RTM_DELADDR. */
export function writeAddress(writer: NetlinkWriter, type: number, flags: number, value: LinkAddress): void {
  const bytes = ipBytes(value.address);
  writer.startMessage(type, flags);
  writer.rawU8(addressFamily(value.address.family)).rawU8(value.prefixLength);
  writer
    .rawU8(value.flags & 0xff)
    .rawU8(value.scope)
    .rawU32(value.link);
  writer.bytes(IFA_LOCAL, bytes).bytes(IFA_ADDRESS, bytes).u32(IFA_FLAGS, value.flags);
  writer.endMessage();
}

/** A dump of the addresses of one family or both, of one interface or all. */
export function writeGetAddresses(writer: NetlinkWriter, flags: number, family?: IpFamily, link = 0): void {
  writer.startMessage(RTM_GETADDR, flags);
  writer
    .rawU8(family === undefined ? 0 : addressFamily(family))
    .zeros(3)
    .rawU32(link);
  writer.endMessage();
}

/** The address in an RTM_NEWADDR or RTM_DELADDR message; undefined if it is not IP. Throws NetlinkFormatError. */
export function readAddress(message: NetlinkMessage): LinkAddress | undefined {
  const { payload } = message;
  const reader = new AttributeReader(payload, IFADDRMSG);
  if (ipFamily(payload[0]!) === undefined) return undefined;
  let flags = payload[2]!;
  let address: Ip | undefined;
  let local: Ip | undefined;
  while (reader.next()) {
    if (reader.type === IFA_ADDRESS) address = ipFromBytes(reader.bytes());
    else if (reader.type === IFA_LOCAL) local = ipFromBytes(reader.bytes());
    else if (reader.type === IFA_FLAGS) flags = reader.u32();
  }
  // On point-to-point interfaces IFA_ADDRESS is the other end; IPv6 has no IFA_LOCAL.
  const own = local ?? address;
  if (own === undefined) return undefined;
  return { link: hostU32(payload, 4), address: own, prefixLength: payload[1]!, scope: payload[3]!, flags };
}
