/** An SCTP INIT, the first packet of an association (RFC 9260): Node has no SCTP sockets. */

export interface SctpInit {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** An IPv4 packet. The kernel fills in the checksum of a raw packet's IP header; SCTP's own is a CRC-32C. */
export function sctpInit({ source, destination, sourcePort, destinationPort }: SctpInit): Uint8Array {
  const sctp = Buffer.alloc(32);
  sctp.writeUInt16BE(sourcePort, 0);
  sctp.writeUInt16BE(destinationPort, 2);
  // Verification tag 0, then the chunk: INIT, its length, initiate tag, window, streams out and in, first TSN.
  sctp.writeUInt8(1, 12);
  sctp.writeUInt16BE(20, 14);
  sctp.writeUInt32BE(0x1234_5678, 16);
  sctp.writeUInt32BE(65_536, 20);
  sctp.writeUInt16BE(1, 24);
  sctp.writeUInt16BE(1, 26);
  sctp.writeUInt32BE(1, 28);
  sctp.writeUInt32LE(crc32c(sctp), 8);
  const header = Buffer.alloc(20);
  header.set([0x45, 0, 0, 52, 0, 0, 0, 0, 64, 132]);
  header.set(source.split(".").map(Number), 12);
  header.set(destination.split(".").map(Number), 16);
  return Buffer.concat([header, sctp]);
}

/** CRC-32C, Castagnoli's polynomial reflected, bit by bit. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}
