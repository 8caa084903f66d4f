/** Network interfaces in rtnetlink: RTM_NEWLINK and its siblings (linux/rtnetlink.h, if_link.h, veth.h). */
import type { NetlinkMessage } from "../../sys/netlink-message.ts";
import { AttributeReader } from "../netlink/parser.ts";
import type { NetlinkWriter } from "../netlink/writer.ts";
import { formatMac, parseMac } from "./mac.ts";

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;

/** Length of struct ifinfomsg: family u8, pad u8, type u16, index s32, flags u32, change u32. */
const IFINFOMSG = 16;

/** IFF_*. */
const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const IFF_LOWER_UP = 0x10000;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_NET_NS_FD = 28;
const IFLA_LINK_NETNSID = 37;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;
const VETH_INFO_PEER = 1;

/** What can be said about a port of a bridge. */
export interface BridgePort {
  /** Frames may go back out of the port they came in by. */
  readonly hairpin?: boolean;
  /** Isolated ports cannot reach each other through the bridge, only its other ports and the host. */
  readonly isolated?: boolean;
}

/** An interface as the kernel tells it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  readonly loopback: boolean;
  /** Whether frames can pass: the cable is in, the peer is up (IFF_LOWER_UP). */
  readonly carrier: boolean;
  readonly mtu: number;
  /** "02:42:0a:00:00:01"; undefined on interfaces without one. */
  readonly address: string | undefined;
  /** Index of the bridge (or bond) it is a port of. */
  readonly master: number | undefined;
  /** "veth", "bridge", "vlan", ...; undefined for hardware and loopback. */
  readonly kind: string | undefined;
  /** Index of the other end of a veth, which may be in another namespace. */
  readonly peerIndex: number | undefined;
  /** The kernel's number for the namespace that the other end is in, if it is not this one. */
  readonly peerNetnsId: number | undefined;
  readonly bridgePort: BridgePort | undefined;
  readonly alias: string | undefined;
}

/** What is to be set on an interface; what is absent stays as it is. */
export interface LinkSettings {
  readonly name?: string;
  readonly up?: boolean;
  readonly mtu?: number;
  readonly address?: string;
  /** Index of the bridge to become a port of; 0 leaves it. */
  readonly master?: number;
  /** A descriptor of the namespace to be in, open in this process. */
  readonly netnsFd?: number;
  readonly bridgePort?: BridgePort;
  readonly alias?: string;
}

/** What an interface can be made with: the kernel ignores an alias or port settings there, so they are set later. */
export type NewLinkSettings = Omit<LinkSettings, "alias" | "bridgePort"> & { readonly name: string };

/** An interface to be made. */
export type NewLink = NewLinkSettings &
  ({ readonly kind: "bridge" | "dummy" } | { readonly kind: "veth"; readonly peer: VethPeer });

/** The second end of a veth. It cannot be made up: the kernel joins the ends later, and refuses with ENOTCONN. */
export type VethPeer = Omit<NewLinkSettings, "up">;

/** IFNAMSIZ is 16 with the NUL; "/" and white space are refused by the kernel. */
export function isLinkName(name: string): boolean {
  return /^[^/\s:\0]{1,15}$/.test(name) && name !== "." && name !== "..";
}

/** A message that makes an interface; with NLM_F_CREATE and NLM_F_EXCL in `flags` only if the name is free. */
export function writeNewLink(writer: NetlinkWriter, flags: number, link: NewLink): void {
  writer.startMessage(RTM_NEWLINK, flags);
  writeSettings(writer, 0, link);
  writer.startNested(IFLA_LINKINFO).string(IFLA_INFO_KIND, link.kind);
  if (link.kind === "veth") {
    writer.startNested(IFLA_INFO_DATA).startNested(VETH_INFO_PEER);
    writeSettings(writer, 0, link.peer);
    writer.endNested().endNested();
  }
  writer.endNested().endMessage();
}

/** A message that changes the interface with `index`. */
export function writeSetLink(
  writer: NetlinkWriter,
  flags: number,
  index: number,
  settings: LinkSettings,
): void {
  writer.startMessage(RTM_NEWLINK, flags);
  writeSettings(writer, index, settings);
  if (settings.bridgePort !== undefined) {
    const { hairpin, isolated } = settings.bridgePort;
    writer
      .startNested(IFLA_LINKINFO)
      .string(IFLA_INFO_SLAVE_KIND, "bridge")
      .startNested(IFLA_INFO_SLAVE_DATA);
    if (hairpin !== undefined) writer.u8(IFLA_BRPORT_MODE, Number(hairpin));
    if (isolated !== undefined) writer.u8(IFLA_BRPORT_ISOLATED, Number(isolated));
    writer.endNested().endNested();
  }
  writer.endMessage();
}

export function writeDeleteLink(writer: NetlinkWriter, flags: number, index: number): void {
  writer.startMessage(RTM_DELLINK, flags).zeros(4).rawU32(index).zeros(8).endMessage();
}

/** A request for the interface with this index or name; for a dump of all, neither. */
export function writeGetLink(writer: NetlinkWriter, flags: number, which?: number | string): void {
  writer.startMessage(RTM_GETLINK, flags).zeros(4);
  writer.rawU32(typeof which === "number" ? which : 0).zeros(8);
  if (typeof which === "string") writer.string(IFLA_IFNAME, which);
  writer.endMessage();
}

/** The interface in an RTM_NEWLINK or RTM_DELLINK message. Throws NetlinkFormatError. */
export function readLink(message: NetlinkMessage): Link {
  const { payload } = message;
  const header = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const reader = new AttributeReader(payload, IFINFOMSG);
  const flags = header.getUint32(8, true);
  const link: { -readonly [K in keyof Link]: Link[K] } = {
    index: header.getInt32(4, true),
    name: "",
    up: (flags & IFF_UP) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
    mtu: 0,
    address: undefined,
    master: undefined,
    kind: undefined,
    peerIndex: undefined,
    peerNetnsId: undefined,
    bridgePort: undefined,
    alias: undefined,
  };
  while (reader.next()) {
    if (reader.type === IFLA_IFNAME) link.name = reader.string();
    else if (reader.type === IFLA_MTU) link.mtu = reader.u32();
    else if (reader.type === IFLA_ADDRESS && reader.length > 0) link.address = formatMac(reader.bytes());
    else if (reader.type === IFLA_MASTER) link.master = reader.u32();
    else if (reader.type === IFLA_LINK) link.peerIndex = reader.u32();
    else if (reader.type === IFLA_LINK_NETNSID) link.peerNetnsId = reader.u32() | 0;
    else if (reader.type === IFLA_IFALIAS) link.alias = reader.string();
    else if (reader.type === IFLA_LINKINFO) Object.assign(link, readLinkInfo(reader.nested()));
  }
  return link;
}

function writeSettings(writer: NetlinkWriter, index: number, settings: LinkSettings): void {
  const { up } = settings;
  writer.zeros(4).rawU32(index);
  writer.rawU32(up === true ? IFF_UP : 0).rawU32(up === undefined ? 0 : IFF_UP);
  if (settings.name !== undefined) writer.string(IFLA_IFNAME, settings.name);
  if (settings.mtu !== undefined) writer.u32(IFLA_MTU, settings.mtu);
  if (settings.address !== undefined) writer.bytes(IFLA_ADDRESS, parseMac(settings.address));
  if (settings.master !== undefined) writer.u32(IFLA_MASTER, settings.master);
  if (settings.netnsFd !== undefined) writer.u32(IFLA_NET_NS_FD, settings.netnsFd);
  if (settings.alias !== undefined) writer.string(IFLA_IFALIAS, settings.alias);
}

function readLinkInfo(reader: AttributeReader): { kind?: string; bridgePort?: BridgePort } {
  const info: { kind?: string; bridgePort?: BridgePort } = {};
  let portKind = "";
  while (reader.next()) {
    if (reader.type === IFLA_INFO_KIND) info.kind = reader.string();
    else if (reader.type === IFLA_INFO_SLAVE_KIND) portKind = reader.string();
    else if (reader.type === IFLA_INFO_SLAVE_DATA && portKind === "bridge")
      info.bridgePort = readBridgePort(reader.nested());
  }
  return info;
}

function readBridgePort(reader: AttributeReader): BridgePort {
  const port: { hairpin?: boolean; isolated?: boolean } = {};
  while (reader.next()) {
    if (reader.type === IFLA_BRPORT_MODE) port.hairpin = reader.u8() !== 0;
    else if (reader.type === IFLA_BRPORT_ISOLATED) port.isolated = reader.u8() !== 0;
  }
  return port;
}
