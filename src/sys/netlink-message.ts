/**
 * The outer frame of netlink: struct nlmsghdr of linux/netlink.h, and the two control messages every family shares.
 *
 * Numbers are in host byte order, which is little endian on every machine fairlead runs on (x64, arm64).
 */

/** Length of struct nlmsghdr: length u32, type u16, flags u16, sequence u32, port u32. */
export const HEADER_LENGTH = 16;

/** NLM_F_*: flags of nlmsg_flags. The meaning of bits 8 to 11 depends on the request: get, new or delete. */
export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
/** The kernel's tables changed while they were dumped: the answer mixes two states. */
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_ROOT = 0x100;
export const NLM_F_MATCH = 0x200;
export const NLM_F_DUMP: number = NLM_F_ROOT | NLM_F_MATCH;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
/** On NLMSG_ERROR: only the header of the failing request is echoed. */
export const NLM_F_CAPPED = 0x100;
/** On NLMSG_ERROR and NLMSG_DONE: attributes of the extended acknowledgement follow. */
export const NLM_F_ACK_TLVS = 0x200;

/** NLMSG_*: types below 16 are control messages of netlink itself. */
export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

/** One message as it came from the kernel. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** nlmsg_pid: the netlink port the message is for, or 0 from the kernel's own notifications. */
  readonly port: number;
  /** What follows the header: a family's own header, then attributes. */
  readonly payload: Uint8Array;
}

/** What came is not netlink as linux/netlink.h has it; `offset` is where in the buffer. */
export class NetlinkFormatError extends Error {
  override readonly name = "NetlinkFormatError";
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} (at byte ${offset})`);
    this.offset = offset;
  }
}

/** The little endian u32 at `at`. */
export function hostU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** The little endian u16 at `at`. */
export function hostU16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

/** Writes `value` at `at`, little endian. */
export function putHostU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Messages and attributes start at multiples of 4 (NLMSG_ALIGN, NLA_ALIGN). */
export function align4(length: number): number {
  return (length + 3) & ~3;
}

/** The length of the message that starts at `at`, checked against what the buffer holds. Throws NetlinkFormatError. */
export function messageLength(bytes: Uint8Array, at: number): number {
  const left = bytes.length - at;
  if (left < HEADER_LENGTH)
    throw new NetlinkFormatError(`a netlink header needs 16 bytes, ${left} are left`, at);
  const length = hostU32(bytes, at);
  if (length < HEADER_LENGTH || length > left)
    throw new NetlinkFormatError(`a netlink message says it is ${length} bytes long, ${left} are left`, at);
  return length;
}

/** The messages in one datagram. Payloads are views of `bytes`. Throws NetlinkFormatError. */
export function parseMessages(bytes: Uint8Array): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = messageLength(bytes, at);
    messages.push({
      type: hostU16(bytes, at + 4),
      flags: hostU16(bytes, at + 6),
      sequence: hostU32(bytes, at + 8),
      port: hostU32(bytes, at + 12),
      payload: bytes.subarray(at + HEADER_LENGTH, at + length),
    });
    at += align4(length);
  }
  return messages;
}
