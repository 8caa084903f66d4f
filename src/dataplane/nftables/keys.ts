/** Addresses, ports and endpoints as the bytes of set elements. */
import type { Cidr } from "../../base/ip.ts";
import { cidrAddress, cidrSize, ipBytes, parseIp } from "../../base/ip.ts";
import { L4_PROTOCOL } from "../../net/nftables/expressions.ts";
import { DataPlaneError } from "../dataplane.ts";
import type { Backend, VirtualPort } from "../table.ts";
import { isNodePort } from "../table.ts";
import type { IpVersion } from "./sets.ts";

export const PROTOCOL_NUMBER: Readonly<Record<VirtualPort["protocol"], number>> = {
  TCP: L4_PROTOCOL.tcp,
  UDP: L4_PROTOCOL.udp,
  SCTP: L4_PROTOCOL.sctp,
};

/** Every part of a concatenated key or value takes whole 4-byte registers. */
const REGISTER = 4;

/** The address in 4 or 16 bytes. Throws DataPlaneError, saying whose address it is, if it is none. */
export function addressBytes(address: string, whose: string): Uint8Array {
  if (readIpv4(address)) return Uint8Array.from(parts);
  const parsed = parseIp(address);
  if (parsed === undefined)
    throw new DataPlaneError(`the address of ${whose} is no IP address: ${JSON.stringify(address)}`);
  return ipBytes(parsed);
}

/** What {@link readIpv4} read last: there is one table of tens of thousands of endpoints to go through. */
const parts = new Uint8Array(4);

/** Reads a dotted quad without leading zeros: many times faster than going through the general address type. */
function readIpv4(text: string): boolean {
  let part = 0;
  let digits = 0;
  let value = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? 0x2e : text.charCodeAt(i);
    if (code === 0x2e) {
      if (digits === 0 || part > 3) return false;
      parts[part++] = value;
      digits = 0;
      value = 0;
    } else {
      if (code < 0x30 || code > 0x39 || (digits > 0 && value === 0)) return false;
      value = value * 10 + (code - 0x30);
      if (++digits > 3 || value > 255) return false;
    }
  }
  return part === 4;
}

export function ipVersion(address: Uint8Array): IpVersion {
  return address.length === 4 ? 4 : 6;
}

/** Throws DataPlaneError if `port` is not 1 to 65535. */
function checkPort(port: number, whose: string): void {
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new DataPlaneError(`the port of ${whose} must be 1 to 65535, not ${port}`);
}

/** address . protocol . port: the key of pickersN and its like, and the start of endpointsN's. Throws DataPlaneError. */
export function portKey(port: VirtualPort): Uint8Array {
  const whose = `service ${port.service}`;
  const address = addressBytes(port.address, whose);
  checkPort(port.port, whose);
  const protocol = PROTOCOL_NUMBER[port.protocol];
  if (protocol === undefined)
    throw new DataPlaneError(`the protocol of ${whose} must be TCP, UDP or SCTP, not ${port.protocol}`);
  const key = new Uint8Array(address.length + 2 * REGISTER);
  key.set(address);
  key[address.length] = protocol;
  key[address.length + REGISTER] = port.port >>> 8;
  key[address.length + REGISTER + 1] = port.port;
  return key;
}

/** The address that a port's key begins with. */
export function addressIn(key: Uint8Array): Uint8Array {
  return key.subarray(0, key.length - 2 * REGISTER);
}

/** `key` and a number in host order: the key of endpointsN and idsN (a slot) and of membersN (a name). */
export function numberedKey(key: Uint8Array, number: number): Uint8Array {
  const at = key.length;
  const bytes = new Uint8Array(at + REGISTER);
  bytes.set(key);
  bytes[at] = number;
  bytes[at + 1] = number >>> 8;
  bytes[at + 2] = number >>> 16;
  bytes[at + 3] = number >>> 24;
  return bytes;
}

/** The first and the last key of a box in allowedN: what is connected to, and a range of sources. */
export function allowedKeys(key: Uint8Array, sources: Cidr): { key: Uint8Array; keyEnd: Uint8Array } {
  const first = ipBytes(sources.base);
  const last = ipBytes(cidrAddress(sources, cidrSize(sources) - 1n));
  return { key: Buffer.concat([key, first]), keyEnd: Buffer.concat([key, last]) };
}

/** "10.96.0.1/tcp/80" in the name of a chain, where nft has no colons; "tcp/30080" for every address of the node: 4/tcp/30080. */
export function portName(port: Pick<VirtualPort, "address" | "protocol" | "port">): string {
  const what = `${port.protocol.toLowerCase()}/${port.port}`;
  return isNodePort(port)
    ? `${port.address.includes(":") ? 6 : 4}/${what}`
    : `${port.address.replaceAll(":", "_")}/${what}`;
}

/**
 * An endpoint's value in endpointsN, address . port, with one character for a byte: to be compared, to be a key of a
 * Map, and to be the element's data (latin1Bytes). Throws DataPlaneError if it is not of `version`.
 */
export function endpointId(backend: Backend, version: IpVersion, whose: string): string {
  const { address, port } = backend;
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    checkPort(port, `endpoint ${address} of ${whose}`);
  const [high, low] = [port >>> 8, port & 0xff];
  if (version === 4 && readIpv4(address))
    return String.fromCharCode(parts[0]!, parts[1]!, parts[2]!, parts[3]!, high, low, 0, 0);
  const bytes = addressBytes(address, `an endpoint of ${whose}`);
  if (ipVersion(bytes) !== version)
    throw new DataPlaneError(`endpoint ${address} of ${whose} is not an IPv${version} address`);
  return latin1(bytes) + String.fromCharCode(high, low, 0, 0);
}

/** The address in an endpoint's id, one character for a byte. */
export function addressOf(endpoint: string): string {
  return endpoint.slice(0, -REGISTER);
}

/** One character for each byte: a text that can be compared, and be the key of a Map. */
export function latin1(bytes: Uint8Array): string {
  // Three times faster than adding characters up, and what comes is flat.
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** One byte for each character. */
export function latin1Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
