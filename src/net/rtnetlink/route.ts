/** Routes in rtnetlink: RTM_NEWROUTE and its siblings (linux/rtnetlink.h). */
import type { Cidr, Ip, IpFamily } from "../../base/ip.ts";
import { ip, ipBytes, ipFromBytes } from "../../base/ip.ts";
import type { NetlinkMessage } from "../../sys/netlink-message.ts";
import { hostU32 } from "../../sys/netlink-message.ts";
import { AttributeReader } from "../netlink/parser.ts";
import type { NetlinkWriter } from "../netlink/writer.ts";
import { addressFamily, ipFamily } from "./family.ts";

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;

/** Length of struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type (u8 each), flags u32. */
const RTMSG = 12;

const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_TABLE = 15;
const RTNH_F_ONLINK = 4;

/** RT_TABLE_*. */
export const Table = { default: 253, main: 254, local: 255 } as const;
/** RT_SCOPE_*: how far away the destination is. */
export const Scope = { universe: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;
/** RTPROT_*: who made the route. */
export const Protocol = { unspec: 0, kernel: 2, boot: 3, static: 4, ra: 9, dhcp: 16 } as const;
/** RTN_*: what happens to packets. */
export const RouteType = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
} as const;
export type RouteTypeName = keyof typeof RouteType;

const typeNames = new Map<number, RouteTypeName>(
  Object.entries(RouteType).map(([name, number]) => [number, name as RouteTypeName]),
);

export interface Route {
  /** 0.0.0.0/0 or ::/0 for the default route. */
  readonly destination: Cidr;
  readonly type: RouteTypeName;
  /** RT_TABLE_*, or any other number. */
  readonly table: number;
  /** RTPROT_*, or a number that a routing program chose for its own. */
  readonly protocol: number;
  /** RT_SCOPE_*. IPv6 has universe only. */
  readonly scope: number;
  /** Index of the interface that packets leave by. */
  readonly link: number | undefined;
  readonly gateway: Ip | undefined;
  /** The address that packets of this machine are sent from. */
  readonly source: Ip | undefined;
  /** Lower wins. 0 is the default of IPv4; IPv6 makes 1024 of it. */
  readonly priority: number;
  /** The gateway counts as reachable on the interface although no route says so. */
  readonly onlink: boolean;
}

/** `type` is RTM_NEWROUTE or RTM_DELROUTE; a delete matches what is given and ignores what is undefined. */
export function writeRoute(writer: NetlinkWriter, type: number, flags: number, route: Route): void {
  const { base, length } = route.destination;
  writer.startMessage(type, flags);
  writer.rawU8(addressFamily(base.family)).rawU8(length).rawU8(0).rawU8(0);
  // Tables above 255 do not fit the header; the attribute holds any.
  writer
    .rawU8(route.table > 255 ? 0 : route.table)
    .rawU8(route.protocol)
    .rawU8(route.scope);
  writer.rawU8(RouteType[route.type]).rawU32(route.onlink ? RTNH_F_ONLINK : 0);
  if (length > 0) writer.bytes(RTA_DST, ipBytes(base));
  writer.u32(RTA_TABLE, route.table);
  if (route.link !== undefined) writer.u32(RTA_OIF, route.link);
  if (route.gateway !== undefined) writer.bytes(RTA_GATEWAY, ipBytes(route.gateway));
  if (route.source !== undefined) writer.bytes(RTA_PREFSRC, ipBytes(route.source));
  if (route.priority !== 0) writer.u32(RTA_PRIORITY, route.priority);
  writer.endMessage();
}

/** Which routes a dump gives; the kernel filters. Without a table: all of them. */
export interface RouteFilter {
  readonly family: IpFamily;
  readonly table?: number;
  readonly protocol?: number;
  readonly link?: number;
}

export function writeGetRoutes(writer: NetlinkWriter, flags: number, filter: RouteFilter): void {
  const { family, table = 0, protocol = 0, link } = filter;
  writer.startMessage(RTM_GETROUTE, flags);
  writer.rawU8(addressFamily(family)).zeros(3);
  writer
    .rawU8(table > 255 ? 0 : table)
    .rawU8(protocol)
    .zeros(6);
  if (table > 255) writer.u32(RTA_TABLE, table);
  if (link !== undefined) writer.u32(RTA_OIF, link);
  writer.endMessage();
}

/** Asks which way a packet to `destination` would go, from `source` if given (`ip route get`). */
export function writeRouteLookup(writer: NetlinkWriter, flags: number, destination: Ip, source?: Ip): void {
  const bits = destination.family === 4 ? 32 : 128;
  writer.startMessage(RTM_GETROUTE, flags);
  writer
    .rawU8(addressFamily(destination.family))
    .rawU8(bits)
    .rawU8(source === undefined ? 0 : bits)
    .zeros(9);
  writer.bytes(RTA_DST, ipBytes(destination));
  if (source !== undefined) writer.bytes(RTA_SRC, ipBytes(source));
  writer.endMessage();
}

const ANY = { 4: ip("0.0.0.0"), 6: ip("::") } as const;

/** The route in an RTM_NEWROUTE or RTM_DELROUTE message; undefined if it is not IP. Throws NetlinkFormatError. */
export function readRoute(message: NetlinkMessage): Route | undefined {
  const { payload } = message;
  const reader = new AttributeReader(payload, RTMSG);
  const family = ipFamily(payload[0]!);
  const type = typeNames.get(payload[7]!);
  if (family === undefined || type === undefined) return undefined;
  const route: { -readonly [K in keyof Route]: Route[K] } = {
    destination: { base: ANY[family], length: payload[1]! },
    type,
    table: payload[4]!,
    protocol: payload[5]!,
    scope: payload[6]!,
    link: undefined,
    gateway: undefined,
    source: undefined,
    priority: 0,
    onlink: (hostU32(payload, 8) & RTNH_F_ONLINK) !== 0,
  };
  while (reader.next()) {
    if (reader.type === RTA_DST)
      route.destination = { base: ipFromBytes(reader.bytes()), length: payload[1]! };
    else if (reader.type === RTA_TABLE) route.table = reader.u32();
    else if (reader.type === RTA_OIF) route.link = reader.u32();
    else if (reader.type === RTA_GATEWAY) route.gateway = ipFromBytes(reader.bytes());
    else if (reader.type === RTA_PREFSRC) route.source = ipFromBytes(reader.bytes());
    else if (reader.type === RTA_PRIORITY) route.priority = reader.u32();
  }
  return route;
}
