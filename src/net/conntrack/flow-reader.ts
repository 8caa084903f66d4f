/**
 * Reads of a connection what accounting needs, and nothing else, into one object that is filled again and again: a
 * table of 100,000 connections is looked through every few seconds, so nothing is allocated for each.
 */
import { hostU16, NetlinkFormatError } from "../../sys/netlink-message.ts";
import {
  CTA,
  CTA_COUNTERS,
  CTA_IP,
  CTA_PROTO,
  CTA_PROTOINFO,
  CTA_PROTOINFO_STATE,
  CTA_TUPLE,
} from "./constants.ts";
import { ConntrackFamily } from "./model.ts";

/** An address, protocol and port as a key of a Map: a number for IPv4, text for IPv6. See {@link socketKey}. */
export type SocketKey = number | string;

const IPPROTO = { TCP: 6, UDP: 17, SCTP: 132 } as const;
export type FlowProtocol = keyof typeof IPPROTO;
/** Two bits of a key. */
const PROTOCOLS: readonly FlowProtocol[] = ["TCP", "UDP", "SCTP"];

/** Where a connection is in its life. UDP flows are "active" as long as the kernel remembers them. */
export type FlowPhase = "opening" | "active" | "ended";

/** enum tcp_conntrack (linux/netfilter/nf_conntrack_tcp.h), by number: half-closed connections still carry data. */
const TCP_PHASES: readonly FlowPhase[] = [
  "opening", // NONE
  "opening", // SYN_SENT
  "opening", // SYN_RECV
  "active", // ESTABLISHED
  "active", // FIN_WAIT
  "active", // CLOSE_WAIT
  "ended", // LAST_ACK
  "ended", // TIME_WAIT
  "ended", // CLOSE
  "opening", // SYN_SENT2
];

/** enum sctp_conntrack (linux/netfilter/nf_conntrack_sctp.h), by number. */
const SCTP_PHASES: readonly FlowPhase[] = [
  "opening", // NONE
  "ended", // CLOSED
  "opening", // COOKIE_WAIT
  "opening", // COOKIE_ECHOED
  "active", // ESTABLISHED
  "active", // SHUTDOWN_SENT
  "active", // SHUTDOWN_RECD
  "ended", // SHUTDOWN_ACK_SENT
  "opening", // HEARTBEAT_SENT
];

const NFGENMSG_LENGTH = 4;
const TYPE_MASK = 0x3fff;

export class FlowReader {
  protocol: FlowProtocol = "TCP";
  family: 4 | 6 = 4;
  phase: FlowPhase = "active";
  /** IPS_* bits. */
  status = 0;
  /** CTA_ID as a signed number: what tells this connection from one before it with the same addresses. */
  id = 0;
  /** Where the client sent it. */
  destination: SocketKey = 0;
  /** The port of `destination`. */
  destinationPort = 0;
  /** Where it ends: the source of its answers. */
  endpoint: SocketKey = 0;
  /** Whether the kernel counts for it (net.netfilter.nf_conntrack_acct was on when it began). */
  hasCounters = false;
  /** Of both directions. */
  packets = 0;
  bytes = 0;

  #key: SocketKey = 0;
  #port = 0;
  #state = -1;

  /** Fills the fields; false for a connection without ports (ICMP and others). Throws NetlinkFormatError. */
  read(payload: Uint8Array): boolean {
    const isIpv6 = payload[0] === ConntrackFamily.ipv6;
    if (!isIpv6 && payload[0] !== ConntrackFamily.ipv4) return false;
    this.family = isIpv6 ? 6 : 4;
    this.hasCounters = false;
    this.packets = this.bytes = this.status = this.id = 0;
    this.#state = -1;
    let tuples = 0;
    for (let at = NFGENMSG_LENGTH; at < payload.length; at = next(payload, at)) {
      const end = endOf(payload, at);
      switch (hostU16(payload, at + 2) & TYPE_MASK) {
        case CTA.TUPLE_ORIG:
          // The destination of the original direction, the source of the answers: the same two places of a tuple.
          if (!this.#tuple(payload, at + 4, end, CTA_IP.V4_DST, CTA_IP.V6_DST, CTA_PROTO.DST_PORT))
            return false;
          this.destination = this.#key;
          this.destinationPort = this.#port;
          tuples++;
          break;
        case CTA.TUPLE_REPLY:
          if (!this.#tuple(payload, at + 4, end, CTA_IP.V4_SRC, CTA_IP.V6_SRC, CTA_PROTO.SRC_PORT))
            return false;
          this.endpoint = this.#key;
          tuples++;
          break;
        case CTA.STATUS:
          this.status = u32be(payload, at + 4);
          break;
        case CTA.ID:
          this.id = u32be(payload, at + 4) | 0;
          break;
        case CTA.PROTOINFO:
          this.#protoinfo(payload, at + 4, end);
          break;
        case CTA.COUNTERS_ORIG:
        case CTA.COUNTERS_REPLY:
          this.#counters(payload, at + 4, end);
          break;
      }
    }
    if (tuples !== 2)
      throw new NetlinkFormatError(`a connection has two tuples, this one ${tuples}`, payload.length);
    this.phase = phaseOf(this.protocol, this.#state);
    return true;
  }

  #tuple(payload: Uint8Array, from: number, to: number, v4: number, v6: number, port: number): boolean {
    let address = -1;
    let protocol = -1;
    this.#port = -1;
    for (let at = from; at < to; at = next(payload, at)) {
      const type = hostU16(payload, at + 2) & TYPE_MASK;
      const end = endOf(payload, at);
      for (let inner = at + 4; inner < end; inner = next(payload, inner)) {
        const innerType = hostU16(payload, inner + 2) & TYPE_MASK;
        if (type === CTA_TUPLE.IP) {
          if (innerType === v4 || innerType === v6) address = inner + 4;
        } else if (type === CTA_TUPLE.PROTO) {
          if (innerType === CTA_PROTO.NUM) protocol = payload[inner + 4]!;
          else if (innerType === port) this.#port = (payload[inner + 4]! << 8) | payload[inner + 5]!;
        }
      }
    }
    const index =
      protocol === IPPROTO.TCP ? 0 : protocol === IPPROTO.UDP ? 1 : protocol === IPPROTO.SCTP ? 2 : -1;
    if (index < 0 || address < 0 || this.#port < 0) return false;
    this.protocol = PROTOCOLS[index]!;
    this.#key = keyAt(payload, address, this.family, index, this.#port);
    return true;
  }

  #protoinfo(payload: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to; at = next(payload, at)) {
      const type = hostU16(payload, at + 2) & TYPE_MASK;
      if (type !== CTA_PROTOINFO.TCP && type !== CTA_PROTOINFO.SCTP) continue;
      const end = endOf(payload, at);
      for (let inner = at + 4; inner < end; inner = next(payload, inner))
        if ((hostU16(payload, inner + 2) & TYPE_MASK) === CTA_PROTOINFO_STATE)
          this.#state = payload[inner + 4]!;
    }
  }

  #counters(payload: Uint8Array, from: number, to: number): void {
    this.hasCounters = true;
    for (let at = from; at < to; at = next(payload, at)) {
      const type = hostU16(payload, at + 2) & TYPE_MASK;
      // 2^53 bytes are more than one connection sends.
      const value = u32be(payload, at + 4) * 2 ** 32 + u32be(payload, at + 8);
      if (type === CTA_COUNTERS.PACKETS) this.packets += value;
      else if (type === CTA_COUNTERS.BYTES) this.bytes += value;
    }
  }
}

function phaseOf(protocol: FlowProtocol, state: number): FlowPhase {
  if (protocol === "UDP" || state < 0) return "active";
  return (protocol === "TCP" ? TCP_PHASES : SCTP_PHASES)[state] ?? "active";
}

/** The key of an address (4 or 16 bytes), protocol and port, as {@link FlowReader} gives it. */
export function socketKey(address: Uint8Array, protocol: FlowProtocol, port: number): SocketKey {
  return keyAt(address, 0, address.length === 4 ? 4 : 6, PROTOCOLS.indexOf(protocol), port);
}

/** The address, protocol and port that a key was made of. */
export function socketOfKey(key: SocketKey): { address: Uint8Array; protocol: FlowProtocol; port: number } {
  if (typeof key === "string") {
    const bytes = Buffer.from(key, "latin1");
    return {
      address: new Uint8Array(bytes.subarray(0, 16)),
      protocol: PROTOCOLS[bytes[16]!]!,
      port: bytes.readUInt16BE(17),
    };
  }
  const rest = Math.floor(key / 4);
  const value = Math.floor(rest / 0x10000);
  return {
    address: Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value),
    protocol: PROTOCOLS[key % 4]!,
    port: rest % 0x10000,
  };
}

/** IPv4: 32 bits of address, 16 of port, 2 of protocol, which a number holds exactly. IPv6: a character for a byte. */
function keyAt(bytes: Uint8Array, at: number, family: 4 | 6, protocol: number, port: number): SocketKey {
  if (family === 4) return (u32be(bytes, at) * 0x10000 + port) * 4 + protocol;
  let text = "";
  for (let i = 0; i < 16; i++) text += String.fromCharCode(bytes[at + i]!);
  return text + String.fromCharCode(protocol, port >>> 8, port & 0xff);
}

/** Where the attribute at `at` ends. Throws NetlinkFormatError if its length does not fit. */
function endOf(bytes: Uint8Array, at: number): number {
  const length = hostU16(bytes, at);
  if (length < 4 || !(at + length <= bytes.length))
    throw new NetlinkFormatError(
      `an attribute says it is ${length} bytes long, ${bytes.length - at} are left`,
      at,
    );
  return at + length;
}

function next(bytes: Uint8Array, at: number): number {
  return (endOf(bytes, at) + 3) & ~3;
}

function u32be(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
