/** Connections that the kernel of a namespace is told of by ctnetlink, as if their packets had passed: as many as a busy node's. */
import { ipBytes, ip } from "../../src/base/ip.ts";
import {
  CTA,
  CTA_IP,
  CTA_PROTO,
  CTA_TUPLE,
  IPCTNL_MSG_CT,
  NFNL_SUBSYS_CTNETLINK,
} from "../../src/net/conntrack/constants.ts";
import { NetlinkWriter } from "../../src/net/netlink/writer.ts";
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST } from "../../src/sys/netlink-message.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../src/sys/netlink-socket.ts";

interface Socket {
  readonly host: string;
  readonly port: number;
}

interface UdpFlow {
  readonly client: Socket;
  /** What the client sends to. */
  readonly to: Socket;
  /** Who answers. @default `to` */
  readonly by?: Socket;
}

/** Tells these from connections that carry packets. */
const MARK = 0x1ab;
/** linux/netfilter/nfnetlink_conntrack.h. */
const CTA_MARK_MASK = 21;
const FAMILY = { 4: 2, 6: 10 } as const;

/** Messages in one send: their acknowledgements must fit into the socket's buffer. */
const BATCH = 500;
/** IPS_SEEN_REPLY, IPS_ASSURED and IPS_CONFIRMED (linux/netfilter/nf_conntrack_common.h). */
const STATUS = 0x02 | 0x04 | 0x08;

/** Adds UDP flows that last for `seconds`. Throws NetlinkError if one is there already. */
export async function addUdpFlows(netns: string, flows: Iterable<UdpFlow>, seconds = 600): Promise<void> {
  using socket = await NetlinkSocket.open(NETLINK_NETFILTER, { netns });
  let batch: UdpFlow[] = [];
  const send = (): void => {
    const writer = new NetlinkWriter(256 * batch.length);
    for (const flow of batch) create(writer, flow, seconds);
    socket.transact(writer.finish());
    batch = [];
  };
  for (const flow of flows) if (batch.push(flow) === BATCH) send();
  if (batch.length > 0) send();
}

/** Deletes all that {@link addUdpFlows} added in the namespace. */
export async function forgetUdpFlows(netns: string): Promise<void> {
  using socket = await NetlinkSocket.open(NETLINK_NETFILTER, { netns });
  for (const family of [FAMILY[4], FAMILY[6]]) {
    const writer = new NetlinkWriter(64);
    writer
      .startMessage((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT.DELETE, NLM_F_REQUEST | NLM_F_ACK)
      .rawU8(family)
      .zeros(3);
    socket.transact(writer.u32be(CTA.MARK, MARK).u32be(CTA_MARK_MASK, 0xffff_ffff).endMessage().finish());
  }
}

function create(writer: NetlinkWriter, { client, to, by = to }: UdpFlow, seconds: number): void {
  const type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT.NEW;
  const { family } = ip(client.host);
  writer
    .startMessage(type, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE)
    .rawU8(FAMILY[family])
    .zeros(3);
  tuple(writer, CTA.TUPLE_ORIG, client, to);
  tuple(writer, CTA.TUPLE_REPLY, by, client);
  writer.u32be(CTA.TIMEOUT, seconds).u32be(CTA.STATUS, STATUS).u32be(CTA.MARK, MARK).endMessage();
}

function tuple(writer: NetlinkWriter, attribute: number, from: Socket, to: Socket): void {
  const [source, destination] = from.host.includes(":")
    ? [CTA_IP.V6_SRC, CTA_IP.V6_DST]
    : [CTA_IP.V4_SRC, CTA_IP.V4_DST];
  writer.startNested(attribute);
  writer
    .startNested(CTA_TUPLE.IP)
    .bytes(source, ipBytes(ip(from.host)))
    .bytes(destination, ipBytes(ip(to.host)))
    .endNested();
  writer
    .startNested(CTA_TUPLE.PROTO)
    .u8(CTA_PROTO.NUM, 17)
    .u16be(CTA_PROTO.SRC_PORT, from.port)
    .u16be(CTA_PROTO.DST_PORT, to.port)
    .endNested();
  writer.endNested();
}
