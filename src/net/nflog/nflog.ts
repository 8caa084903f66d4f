/**
 * nfnetlink_log: packets that rules log to a group, told to the one socket that has bound it
 * (linux/netfilter/nfnetlink_log.h; net/netfilter/nfnetlink_log.c).
 */
import type { NetlinkMessage } from "../../sys/netlink-message.ts";
import { NLM_F_ACK, NLM_F_REQUEST } from "../../sys/netlink-message.ts";
import { AttributeReader } from "../netlink/parser.ts";
import { NetlinkWriter } from "../netlink/writer.ts";

const NFNL_SUBSYS_ULOG = 4;
const NFULNL_MSG = { PACKET: 0, CONFIG: 1 } as const;
const NFULA_CFG = { CMD: 1, MODE: 2, QTHRESH: 5, FLAGS: 6 } as const;
const NFULNL_CFG_CMD_BIND = 1;
const NFULNL_COPY_PACKET = 2;
/** Each packet has a number, so that one that is missing is noticed: the kernel says nothing of those that did not fit. */
const NFULNL_CFG_F_SEQ = 1;
const NFULA = { MARK: 2, PAYLOAD: 9, SEQ: 12 } as const;
const NFGENMSG_LENGTH = 4;

function config(group: number, fill: (writer: NetlinkWriter) => void): Uint8Array {
  const writer = new NetlinkWriter(64).startMessage(
    (NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG.CONFIG,
    NLM_F_REQUEST | NLM_F_ACK,
  );
  // struct nfgenmsg: family, version, and the group in place of a resource.
  writer.rawU8(0).rawU8(0).rawU16be(group);
  fill(writer);
  return writer.endMessage().finish();
}

/**
 * The requests that make a socket hear the group, to be sent one after the other: packets come one by one and at once, with
 * their first `snaplen` bytes. The first is refused with EBUSY if another socket of the namespace has the group.
 */
export function bindGroup(group: number, snaplen: number): Uint8Array[] {
  return [
    config(group, (writer) => writer.u8(NFULA_CFG.CMD, NFULNL_CFG_CMD_BIND)),
    config(group, (writer) => {
      // struct nfulnl_msg_config_mode: range u32, mode u8, pad u8.
      const mode = new Uint8Array(6);
      new DataView(mode.buffer).setUint32(0, snaplen);
      mode[4] = NFULNL_COPY_PACKET;
      writer.bytes(NFULA_CFG.MODE, mode).u32be(NFULA_CFG.QTHRESH, 1).u16be(NFULA_CFG.FLAGS, NFULNL_CFG_F_SEQ);
    }),
  ];
}

export interface LoggedPacket {
  /** From its network header on. */
  readonly payload: Uint8Array;
  readonly mark: number;
}

/** A packet as the kernel tells it; `sequence` grows by one with each. undefined if the message is something else. */
export function decodeLogged(
  message: NetlinkMessage,
): (LoggedPacket & { readonly sequence: number }) | undefined {
  if (message.type !== ((NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG.PACKET)) return undefined;
  const attributes = new AttributeReader(message.payload, NFGENMSG_LENGTH);
  let payload: Uint8Array | undefined;
  // A mark of 0 is not told.
  let [mark, sequence] = [0, 0];
  while (attributes.next()) {
    if (attributes.type === NFULA.PAYLOAD) payload = attributes.bytes();
    else if (attributes.type === NFULA.MARK) mark = attributes.u32be();
    else if (attributes.type === NFULA.SEQ) sequence = attributes.u32be();
  }
  return payload === undefined ? undefined : { payload, mark, sequence };
}
