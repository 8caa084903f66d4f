/** A TCP segment that belongs nowhere in its connection (RFC 9293): what a broken middlebox or a late duplicate looks like. */

export interface TcpEnd {
  readonly host: string;
  readonly port: number;
}

/** An IPv4 packet with an ACK and no data. The kernel fills in the checksum of a raw packet's IP header. */
export function strayAck(from: TcpEnd, to: TcpEnd, sequence: number): Uint8Array {
  const tcp = Buffer.alloc(20);
  tcp.writeUInt16BE(from.port, 0);
  tcp.writeUInt16BE(to.port, 2);
  tcp.writeUInt32BE(sequence, 4);
  tcp.writeUInt32BE(sequence, 8);
  tcp.set([0x50, 0x10, 0xff, 0xff], 12);
  const addresses = [...bytes(from.host), ...bytes(to.host)];
  tcp.writeUInt16BE(checksum(Buffer.from([...addresses, 0, 6, 0, tcp.length, ...tcp])), 16);
  const header = Buffer.alloc(20);
  header.set([0x45, 0, 0, header.length + tcp.length, 0, 0, 0, 0, 64, 6]);
  header.set(addresses, 12);
  return Buffer.concat([header, tcp]);
}

function bytes(address: string): number[] {
  return address.split(".").map(Number);
}

/** RFC 1071, of an even number of bytes. */
function checksum(data: Buffer): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += 2) sum += data.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
