/**
 * Frames that tell everybody on a link which hardware address an IP address has now: an ARP announcement (RFC 5227, section
 * 2.3) or an unsolicited neighbour advertisement (RFC 4861, section 7.2.6). Who remembers another forgets that; who
 * remembers none takes no notice.
 */
import { type Ip, ipBytes } from "../../base/ip.ts";

const BROADCAST = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
/** Of ff02::1 (RFC 2464, section 7). */
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
const ALL_NODES: Ip = { family: 6, value: (0xff02n << 112n) | 1n };
const ETH_P_ARP = Uint8Array.of(0x08, 0x06);
const ETH_P_IPV6 = Uint8Array.of(0x86, 0xdd);
const ICMPV6 = 58;
/** Routers drop what came from farther than the link (RFC 4861, section 7.1.2). */
const HOPS = 255;
const NEIGHBOUR_ADVERTISEMENT = 136;
/** Replaces what is remembered. */
const OVERRIDE = 0x20;
const TARGET_LINK_ADDRESS = 2;

/** The whole frame. `mac` in 6 bytes; `from`: a link-local address of who sends it, for IPv6 only. */
export function announcement(address: Ip, mac: Uint8Array, from?: Ip): Uint8Array {
  return address.family === 4 ? arp(address, mac) : advertisement(address, mac, from ?? address);
}

function arp(address: Ip, mac: Uint8Array): Uint8Array {
  const ip = ipBytes(address);
  const ethernetToIp = Uint8Array.of(0, 1, 0x08, 0, mac.length, ip.length);
  const request = Uint8Array.of(0, 1);
  const nobody = new Uint8Array(mac.length);
  return joined(BROADCAST, mac, ETH_P_ARP, ethernetToIp, request, mac, ip, nobody, ip);
}

function advertisement(address: Ip, mac: Uint8Array, from: Ip): Uint8Array {
  const head = Uint8Array.of(NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0);
  const message = joined(head, ipBytes(address), Uint8Array.of(TARGET_LINK_ADDRESS, 1), mac);
  const [source, destination] = [ipBytes(from), ipBytes(ALL_NODES)];
  // RFC 8200, section 8.1: the checksum is of this, too.
  const pseudo = joined(source, destination, Uint8Array.of(0, 0, 0, message.length, 0, 0, 0, ICMPV6));
  const sum = checksum(joined(pseudo, message));
  message[2] = sum >>> 8;
  message[3] = sum;
  const header = Uint8Array.of(0x60, 0, 0, 0, 0, message.length, ICMPV6, HOPS);
  return joined(ALL_NODES_MAC, mac, ETH_P_IPV6, header, source, destination, message);
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** RFC 1071, of an even number of bytes. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
