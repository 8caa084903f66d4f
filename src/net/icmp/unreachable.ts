/**
 * "Port unreachable", as a host sends it for a UDP datagram that nobody listens for: RFC 792 (type 3, code 3), RFC 4443
 * section 3.1 (type 1, code 4). From the IP header on, as a raw socket sends it.
 */
import { type Ip, ipBytes } from "../../base/ip.ts";

export interface DatagramEnds {
  /** Who sent the datagram, and gets the message. */
  readonly source: Ip;
  readonly sourcePort: number;
  /** Where nobody listens. */
  readonly destination: Ip;
  readonly destinationPort: number;
}

const PROTOCOL = { icmp: 1, udp: 17, icmpv6: 58 } as const;
const UDP_HEADER = 8;
/** Type, code, checksum, and 4 bytes that are unused. */
const ICMP_HEADER = 8;
const HOP_LIMIT = 64;

/** The datagram is quoted by its headers alone: by them the client's kernel finds the socket that sent it. */
export function portUnreachable(datagram: DatagramEnds): Uint8Array {
  const { source, destination } = datagram;
  const isV4 = source.family === 4;
  const udp = new Uint8Array(UDP_HEADER);
  const ports = new DataView(udp.buffer);
  ports.setUint16(0, datagram.sourcePort);
  ports.setUint16(2, datagram.destinationPort);
  ports.setUint16(4, UDP_HEADER);
  const header = isV4 ? ipv4Header : ipv6Header;
  const quoted = [header(source, destination, PROTOCOL.udp, UDP_HEADER), udp];
  const message = new Uint8Array(ICMP_HEADER + quoted[0]!.length + UDP_HEADER);
  message.set(isV4 ? [3, 3] : [1, 4]);
  message.set(quoted[0]!, ICMP_HEADER);
  message.set(udp, ICMP_HEADER + quoted[0]!.length);
  const pseudo = isV4 ? [] : [pseudoHeader(destination, source, message.length)];
  new DataView(message.buffer).setUint16(2, checksum(...pseudo, message));
  const outer = header(destination, source, isV4 ? PROTOCOL.icmp : PROTOCOL.icmpv6, message.length);
  return Buffer.concat([outer, message]);
}

/** RFC 791, section 3.1. */
function ipv4Header(source: Ip, destination: Ip, protocol: number, payload: number): Uint8Array {
  const bytes = new Uint8Array(20);
  const fields = new DataView(bytes.buffer);
  fields.setUint8(0, 0x45);
  fields.setUint16(2, bytes.length + payload);
  fields.setUint8(8, HOP_LIMIT);
  fields.setUint8(9, protocol);
  bytes.set(ipBytes(source), 12);
  bytes.set(ipBytes(destination), 16);
  fields.setUint16(10, checksum(bytes));
  return bytes;
}

/** RFC 8200, section 3. */
function ipv6Header(source: Ip, destination: Ip, protocol: number, payload: number): Uint8Array {
  const bytes = new Uint8Array(40);
  const fields = new DataView(bytes.buffer);
  fields.setUint8(0, 0x60);
  fields.setUint16(4, payload);
  fields.setUint8(6, protocol);
  fields.setUint8(7, HOP_LIMIT);
  bytes.set(ipBytes(source), 8);
  bytes.set(ipBytes(destination), 24);
  return bytes;
}

/** RFC 8200, section 8.1: what an ICMPv6 checksum is over, beside the message. */
function pseudoHeader(source: Ip, destination: Ip, length: number): Uint8Array {
  const bytes = new Uint8Array(40);
  bytes.set(ipBytes(source), 0);
  bytes.set(ipBytes(destination), 16);
  new DataView(bytes.buffer).setUint32(32, length);
  bytes[39] = PROTOCOL.icmpv6;
  return bytes;
}

/** The Internet checksum (RFC 1071) of parts of even length. */
function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) for (let i = 0; i < part.length; i += 2) sum += (part[i]! << 8) | part[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
