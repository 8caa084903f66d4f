/** Packets as people write them, and as the bytes that expressions read and that go over a wire. */
import { ip, ipBytes } from "../../base/ip.ts";
import type { IpFamily } from "../../base/ip.ts";

export type PacketProtocol = "TCP" | "UDP" | "SCTP" | "ICMP";
export type TcpFlag = "FIN" | "SYN" | "RST" | "ACK";

export interface Packet {
  readonly protocol: PacketProtocol;
  /** Addresses in canonical text form, both of one family. */
  readonly source: string;
  readonly destination: string;
  /** The identifier of an ICMP echo request. */
  readonly sourcePort: number;
  /** 0 for ICMP. */
  readonly destinationPort: number;
  /** @default ["SYN"] */
  readonly tcpFlags?: readonly TcpFlag[];
  /** @default {empty} */
  readonly payload?: Uint8Array;
}

const TCP_FLAG_BITS: Readonly<Record<TcpFlag, number>> = { FIN: 1, SYN: 2, RST: 4, ACK: 16 };
/** Bytes of the headers without options. */
const IP_HEADER = { 4: 20, 6: 40 } as const;
const TRANSPORT_HEADER = { TCP: 20, UDP: 8, SCTP: 12 + 20, ICMP: 8 } as const;
const TTL = 64;

export function packetFamily(packet: Pick<Packet, "destination">): IpFamily {
  return packet.destination.includes(":") ? 6 : 4;
}

/** IPPROTO_*: ICMP is another protocol in each family. */
export function protocolNumber(protocol: PacketProtocol, family: IpFamily): number {
  return { TCP: 6, UDP: 17, SCTP: 132, ICMP: family === 4 ? 1 : 58 }[protocol];
}

/** Where the transport header starts in the bytes of {@link encodePacket}. */
export function transportOffset(family: IpFamily): number {
  return IP_HEADER[family];
}

/** The packet from its IP header on, with right lengths and checksums. */
export function encodePacket(packet: Packet): Uint8Array {
  const family = packetFamily(packet);
  const transport = encodeTransport(packet, family);
  const bytes = new Uint8Array(IP_HEADER[family] + transport.length);
  bytes.set(transport, IP_HEADER[family]);
  const view = new DataView(bytes.buffer);
  const protocol = protocolNumber(packet.protocol, family);
  if (family === 4) {
    bytes.set([0x45, 0], 0);
    view.setUint16(2, bytes.length);
    bytes.set([TTL, protocol], 8);
    bytes.set(ipBytes(ip(packet.source)), 12);
    bytes.set(ipBytes(ip(packet.destination)), 16);
    view.setUint16(10, fold(sum(bytes.subarray(0, 20))));
  } else {
    bytes[0] = 0x60;
    view.setUint16(4, transport.length);
    bytes.set([protocol, TTL], 6);
    bytes.set(ipBytes(ip(packet.source)), 8);
    bytes.set(ipBytes(ip(packet.destination)), 24);
  }
  const at = checksumAt(packet.protocol);
  if (at !== undefined)
    view.setUint16(IP_HEADER[family] + at, transportChecksum(bytes, family, packet.protocol));
  // RFC 9260, section 6.8: CRC32c, its lowest byte first.
  else view.setUint32(IP_HEADER[family] + 8, crc32c(transport), true);
  return bytes;
}

function encodeTransport(packet: Packet, family: IpFamily): Uint8Array {
  const { protocol, payload = new Uint8Array() } = packet;
  const header = TRANSPORT_HEADER[protocol];
  const bytes = new Uint8Array(header + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set(payload, header);
  if (protocol === "ICMP") {
    bytes[0] = family === 4 ? 8 : 128; // echo request
    view.setUint16(4, packet.sourcePort);
    return bytes;
  }
  view.setUint16(0, packet.sourcePort);
  view.setUint16(2, packet.destinationPort);
  if (protocol === "UDP") view.setUint16(4, bytes.length);
  if (protocol === "TCP") {
    const flags = (packet.tcpFlags ?? ["SYN"]).reduce((bits, flag) => bits | TCP_FLAG_BITS[flag], 0);
    view.setUint32(4, 1); // sequence number
    if ((flags & TCP_FLAG_BITS.ACK) !== 0) view.setUint32(8, 2);
    bytes.set([0x50, flags, 0xff, 0xff], 12);
  }
  if (protocol === "SCTP") {
    // An INIT chunk of 20 bytes: tag 1, a window of 65535, a stream each way, sequence number 1 (RFC 9260, section 3.3.2).
    bytes.set([1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0xff, 0xff, 0, 1, 0, 1, 0, 0, 0, 1], 12);
  }
  return bytes;
}

function checksumAt(protocol: PacketProtocol): number | undefined {
  return { TCP: 16, UDP: 6, ICMP: 2, SCTP: undefined }[protocol];
}

/** The Internet checksum (RFC 1071) over the pseudo header, which ICMP for IPv4 does not have, and the segment. */
function transportChecksum(bytes: Uint8Array, family: IpFamily, protocol: PacketProtocol): number {
  const segment = bytes.subarray(IP_HEADER[family]);
  const addresses = family === 4 ? bytes.subarray(12, 20) : bytes.subarray(8, 40);
  const pseudo =
    protocol === "ICMP" && family === 4
      ? 0
      : sum(addresses) + protocolNumber(protocol, family) + segment.length;
  const checksum = fold(pseudo + sum(segment));
  // RFC 768: zero would mean that there is no checksum.
  return protocol === "UDP" && checksum === 0 ? 0xffff : checksum;
}

/** Castagnoli's polynomial, its bits reversed. */
const CRC32C = 0x82f63b78;

function crc32c(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : CRC32C);
  }
  return ~crc >>> 0;
}

function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) total += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
  return total;
}

function fold(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}

export function formatEndpoint({ address, port }: { address: string; port: number }): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** "TCP SYN 11.1.1.1:40000 -> 10.96.0.10:80". */
export function formatPacket(packet: Packet): string {
  const flags = packet.protocol === "TCP" ? ` ${(packet.tcpFlags ?? ["SYN"]).join("+")}` : "";
  const source = formatEndpoint({ address: packet.source, port: packet.sourcePort });
  const destination = formatEndpoint({ address: packet.destination, port: packet.destinationPort });
  return `${packet.protocol}${flags} ${source} -> ${destination}`;
}
