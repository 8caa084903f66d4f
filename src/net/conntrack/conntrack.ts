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
  CTA_FILTER,
  CTA_FILTER_F,
  CTA_IP,
  CTA_PROTO,
  CTA_TUPLE,
  IPCTNL_MSG_CT,
  NFNL_SUBSYS_CTNETLINK,
} from "./constants.ts";
import type { ConnectionFilter, Connection, ConntrackFamily, Tuple } from "./model.ts";

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
 * destinations it is not asked to compare: Linux 6.18 still gives those that do NOT match (the result of
 * ipv6_addr_cmp() is taken the wrong way round in ctnetlink_filter_match_tuple()). So compare again what comes.
 *
 * Throws RangeError for a port without a protocol.
 */
export function dumpConnections(family: ConntrackFamily, filter: ConnectionFilter = {}): Uint8Array {
  const { protocol, originalDestination, originalDestinationPort: port, zone } = filter;
  if (port !== undefined && protocol === undefined)
    throw new RangeError("a port is of a protocol: give the filter's protocol too");
  const writer = start(new NetlinkWriter(256), IPCTNL_MSG_CT.GET, NLM_F_DUMP, family);
  if (zone !== undefined) writer.u16be(CTA.ZONE, zone);
  if (filter.status !== undefined)
    writer.u32be(CTA.STATUS, filter.status).u32be(CTA.STATUS_MASK, filter.status);
  const ipv4 = originalDestination?.length === 4 ? originalDestination : undefined;
  const flags =
    (protocol === undefined ? 0 : CTA_FILTER_F.PROTO_NUM) |
    (ipv4 === undefined ? 0 : CTA_FILTER_F.IP_DST) |
    (port === undefined ? 0 : CTA_FILTER_F.PROTO_DST_PORT);
  if (flags !== 0) {
    writer.startNested(CTA.TUPLE_ORIG);
    if (ipv4 !== undefined) writer.startNested(CTA_TUPLE.IP).bytes(CTA_IP.V4_DST, ipv4).endNested();
    if (protocol !== undefined) {
      writer.startNested(CTA_TUPLE.PROTO).u8(CTA_PROTO.NUM, protocol);
      if (port !== undefined) writer.u16be(CTA_PROTO.DST_PORT, port);
      writer.endNested();
    }
    writer.endNested();
    writer
      .startNested(CTA.FILTER)
      .u32(CTA_FILTER.ORIG_FLAGS, flags)
      .u32(CTA_FILTER.REPLY_FLAGS, 0)
      .endNested();
  }
  return writer.endMessage().finish();
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

/** Reads one connection. Throws NetlinkFormatError. */
export function decodeConnection(message: NetlinkMessage): Connection {
  const attributes = new AttributeReader(message.payload, NFGENMSG_LENGTH);
  let original: Tuple = NO_TUPLE;
  let reply: Tuple = NO_TUPLE;
  let [status, mark, zone, id] = [0, 0, 0, 0];
  let timeout: number | undefined;
  while (attributes.next()) {
    if (attributes.type === CTA.TUPLE_ORIG) original = decodeTuple(attributes.nested());
    else if (attributes.type === CTA.TUPLE_REPLY) reply = decodeTuple(attributes.nested());
    else if (attributes.type === CTA.STATUS) status = attributes.u32be();
    else if (attributes.type === CTA.MARK) mark = attributes.u32be();
    else if (attributes.type === CTA.ZONE) zone = attributes.u16be();
    else if (attributes.type === CTA.ID) id = attributes.u32be();
    else if (attributes.type === CTA.TIMEOUT) timeout = attributes.u32be();
  }
  const family = message.payload[0]! as ConntrackFamily;
  const connection = { family, original, reply, status, mark, zone, id };
  return timeout === undefined ? connection : { ...connection, timeout };
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
