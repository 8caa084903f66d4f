/**
 * ctnetlink: reads the kernel's connections and makes it forget some.
 *
 *     const messages = socket.dump(dumpConnections(ConntrackFamily.ipv4, { protocol: 17 }));
 *     const flows = messages.map(decodeConnection);
 *     socket.transact(deleteConnections(flows));
 */
import { NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST } from "../../sys/netlink-message.ts";
import type { NetlinkMessage } from "../../sys/netlink-message.ts";
import { AttributeReader } from "../netlink/parser.ts";
import { NetlinkWriter } from "../netlink/writer.ts";
import {
  CTA,
  CTA_COUNTERS,
  CTA_FILTER,
  CTA_FILTER_F,
  CTA_IP,
  CTA_PROTO,
  CTA_TUPLE,
  IPCTNL_MSG_CT,
  NFNL_SUBSYS_CTNETLINK,
} from "./constants.ts";
import type { Carried, ConnectionFilter, Connection, Tuple } from "./model.ts";
import { ConntrackFamily } from "./model.ts";

const NFGENMSG_LENGTH = 4;
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;

function start(
  writer: NetlinkWriter,
  message: number,
  flags: number,
  family: ConntrackFamily,
): NetlinkWriter {
  const type = (NFNL_SUBSYS_CTNETLINK << 8) | message;
  return writer
    .startMessage(type, NLM_F_REQUEST | flags)
    .rawU8(family)
    .zeros(3);
}

/**
 * Asks for the connections of a family that match `filter`: the answer holds at least those. The kernel compares
 * protocol, IPv4 destination and port since Linux 5.8, the status since 5.15, and the zone since 5.18; older ones answer
 * with more. IPv6
 * addresses it is not asked to compare: Linux 6.18 still gives those that do NOT match (the result of
 * ipv6_addr_cmp() is taken the wrong way round in ctnetlink_filter_match_tuple()). So compare again what comes.
 *
 * Throws RangeError for a port without a protocol.
 */
export function dumpConnections(family: ConntrackFamily, filter: ConnectionFilter = {}): Uint8Array {
  const writer = start(new NetlinkWriter(256), IPCTNL_MSG_CT.GET, NLM_F_DUMP, family);
  if (filter.zone !== undefined) writer.u16be(CTA.ZONE, filter.zone);
  if (filter.status !== undefined)
    writer.u32be(CTA.STATUS, filter.status).u32be(CTA.STATUS_MASK, filter.status);
  encodeFilter(writer, filter);
  return writer.endMessage().finish();
}

/**
 * Asks to forget all IPv4 connections that match, without telling them first: Linux 6.8 and later; older ones refuse it
 * with EINVAL, because the tuple is not whole. Throws RangeError if `filter` has anything but ends and their protocol.
 */
export function deleteMatching(filter: ConnectionFilter): Uint8Array {
  if (filter.originalDestination?.length !== 4 || filter.replySource?.length !== 4)
    throw new RangeError("the kernel compares IPv6 addresses the wrong way round: give both ends of IPv4");
  if (filter.zone !== undefined || filter.status !== undefined)
    throw new RangeError("only the ends of connections are compared");
  const writer = start(new NetlinkWriter(256), IPCTNL_MSG_CT.DELETE, NLM_F_ACK, ConntrackFamily.ipv4);
  encodeFilter(writer, filter);
  return writer.endMessage().finish();
}

function encodeFilter(writer: NetlinkWriter, filter: ConnectionFilter): void {
  const { protocol, originalDestinationPort, replySourcePort } = filter;
  if ((originalDestinationPort ?? replySourcePort) !== undefined && protocol === undefined)
    throw new RangeError("a port is of a protocol: give the filter's protocol too");
  const ends = [
    {
      tuple: CTA.TUPLE_ORIG,
      address: filter.originalDestination,
      port: originalDestinationPort,
      ip: CTA_IP.V4_DST,
      proto: CTA_PROTO.DST_PORT,
      ipFlag: CTA_FILTER_F.IP_DST,
      protoFlag: CTA_FILTER_F.PROTO_DST_PORT,
    },
    {
      tuple: CTA.TUPLE_REPLY,
      address: filter.replySource,
      port: replySourcePort,
      ip: CTA_IP.V4_SRC,
      proto: CTA_PROTO.SRC_PORT,
      ipFlag: CTA_FILTER_F.IP_SRC,
      protoFlag: CTA_FILTER_F.PROTO_SRC_PORT,
    },
  ] as const;
  const flags = ends.map(({ tuple, address, port, ip, proto, ipFlag, protoFlag }) => {
    const ipv4 = address?.length === 4 ? address : undefined;
    // The protocol is compared once.
    const isProtocol = protocol !== undefined && (tuple === CTA.TUPLE_ORIG || port !== undefined);
    if (ipv4 === undefined && !isProtocol) return 0;
    writer.startNested(tuple);
    if (ipv4 !== undefined) writer.startNested(CTA_TUPLE.IP).bytes(ip, ipv4).endNested();
    if (isProtocol) {
      writer.startNested(CTA_TUPLE.PROTO).u8(CTA_PROTO.NUM, protocol);
      if (port !== undefined) writer.u16be(proto, port);
      writer.endNested();
    }
    writer.endNested();
    return (
      (ipv4 === undefined ? 0 : ipFlag) |
      (isProtocol ? CTA_FILTER_F.PROTO_NUM : 0) |
      (port === undefined ? 0 : protoFlag)
    );
  });
  if (flags.every((bits) => bits === 0)) return;
  writer
    .startNested(CTA.FILTER)
    .u32(CTA_FILTER.ORIG_FLAGS, flags[0]!)
    .u32(CTA_FILTER.REPLY_FLAGS, flags[1]!)
    .endNested();
}

/**
 * Asks to forget connections: each by its original tuple and id, acknowledged on its own. A connection that is gone
 * already is answered with ENOENT. Throws RangeError if there are none.
 */
export function deleteConnections(
  connections: readonly Pick<Connection, "family" | "original" | "zone" | "id">[],
): Uint8Array {
  if (connections.length === 0) throw new RangeError("no connections to delete");
  const writer = new NetlinkWriter(128 * connections.length);
  for (const connection of connections) {
    start(writer, IPCTNL_MSG_CT.DELETE, NLM_F_ACK, connection.family);
    encodeTuple(writer, CTA.TUPLE_ORIG, connection.original);
    if (connection.zone !== 0) writer.u16be(CTA.ZONE, connection.zone);
    writer.u32be(CTA.ID, connection.id);
    writer.endMessage();
  }
  return writer.finish();
}

function encodeTuple(writer: NetlinkWriter, attribute: number, tuple: Tuple): void {
  const [source, destination] =
    tuple.source.length === 4 ? [CTA_IP.V4_SRC, CTA_IP.V4_DST] : [CTA_IP.V6_SRC, CTA_IP.V6_DST];
  writer.startNested(attribute);
  writer
    .startNested(CTA_TUPLE.IP)
    .bytes(source, tuple.source)
    .bytes(destination, tuple.destination)
    .endNested();
  writer.startNested(CTA_TUPLE.PROTO).u8(CTA_PROTO.NUM, tuple.protocol);
  if (tuple.sourcePort !== undefined) writer.u16be(CTA_PROTO.SRC_PORT, tuple.sourcePort);
  if (tuple.destinationPort !== undefined) writer.u16be(CTA_PROTO.DST_PORT, tuple.destinationPort);
  if (tuple.icmp !== undefined) {
    const { id, type, code } = tuple.icmp;
    const first = tuple.protocol === IPPROTO_ICMPV6 ? CTA_PROTO.ICMPV6_ID : CTA_PROTO.ICMP_ID;
    writer
      .u16be(first, id)
      .u8(first + 1, type)
      .u8(first + 2, code);
  }
  writer.endNested().endNested();
}

/** Whether the message is a connection: an answer to a dump, or news of one. */
export function isConnection(message: NetlinkMessage): boolean {
  return message.type === ((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT.NEW);
}

/** Whether the message is news of a connection that the kernel has forgotten, with all that it carried. */
export function isConnectionEnd(message: NetlinkMessage): boolean {
  return message.type === ((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT.DELETE);
}

/** Reads one connection. Throws NetlinkFormatError. */
export function decodeConnection(message: NetlinkMessage): Connection {
  const attributes = new AttributeReader(message.payload, NFGENMSG_LENGTH);
  let original: Tuple = NO_TUPLE;
  let reply: Tuple = NO_TUPLE;
  let [status, mark, zone, id] = [0, 0, 0, 0];
  let timeout: number | undefined;
  let [sent, got]: (Carried | undefined)[] = [];
  while (attributes.next()) {
    if (attributes.type === CTA.TUPLE_ORIG) original = decodeTuple(attributes.nested());
    else if (attributes.type === CTA.TUPLE_REPLY) reply = decodeTuple(attributes.nested());
    else if (attributes.type === CTA.STATUS) status = attributes.u32be();
    else if (attributes.type === CTA.MARK) mark = attributes.u32be();
    else if (attributes.type === CTA.ZONE) zone = attributes.u16be();
    else if (attributes.type === CTA.ID) id = attributes.u32be();
    else if (attributes.type === CTA.TIMEOUT) timeout = attributes.u32be();
    else if (attributes.type === CTA.COUNTERS_ORIG) sent = decodeCarried(attributes.nested());
    else if (attributes.type === CTA.COUNTERS_REPLY) got = decodeCarried(attributes.nested());
  }
  const family = message.payload[0]! as ConntrackFamily;
  return {
    family,
    original,
    reply,
    status,
    mark,
    zone,
    id,
    ...(timeout === undefined ? {} : { timeout }),
    ...(sent === undefined || got === undefined ? {} : { carried: { original: sent, reply: got } }),
  };
}

function decodeCarried(reader: AttributeReader): Carried {
  let [packets, bytes] = [0, 0];
  while (reader.next())
    if (reader.type === CTA_COUNTERS.PACKETS) packets = Number(reader.u64be());
    else if (reader.type === CTA_COUNTERS.BYTES) bytes = Number(reader.u64be());
  return { packets, bytes };
}

const NO_TUPLE: Tuple = { source: new Uint8Array(), destination: new Uint8Array(), protocol: 0 };

function decodeTuple(reader: AttributeReader): Tuple {
  let { source, destination, protocol } = NO_TUPLE;
  let sourcePort: number | undefined;
  let destinationPort: number | undefined;
  let [id, type, code] = [0, 0, 0];
  while (reader.next()) {
    const inside = reader.nested();
    if (reader.type === CTA_TUPLE.IP)
      while (inside.next()) {
        if (inside.type === CTA_IP.V4_SRC || inside.type === CTA_IP.V6_SRC) source = inside.bytes();
        else if (inside.type === CTA_IP.V4_DST || inside.type === CTA_IP.V6_DST) destination = inside.bytes();
      }
    else if (reader.type === CTA_TUPLE.PROTO)
      while (inside.next()) {
        if (inside.type === CTA_PROTO.NUM) protocol = inside.u8();
        else if (inside.type === CTA_PROTO.SRC_PORT) sourcePort = inside.u16be();
        else if (inside.type === CTA_PROTO.DST_PORT) destinationPort = inside.u16be();
        else if (inside.type === CTA_PROTO.ICMP_ID || inside.type === CTA_PROTO.ICMPV6_ID)
          id = inside.u16be();
        else if (inside.type === CTA_PROTO.ICMP_TYPE || inside.type === CTA_PROTO.ICMPV6_TYPE)
          type = inside.u8();
        else if (inside.type === CTA_PROTO.ICMP_CODE || inside.type === CTA_PROTO.ICMPV6_CODE)
          code = inside.u8();
      }
  }
  if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6)
    return { source, destination, protocol, icmp: { id, type, code } };
  return {
    source,
    destination,
    protocol,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
  };
}
