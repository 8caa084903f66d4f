/**
 * UDP from any address by one sender, over veth pairs, through the node to a backend that takes all and says nothing:
 *
 *     client 192.0.2.2, 198.18.0.0/15  --  192.0.2.1 node 198.51.100.1  --  198.51.100.10 to .13 backend
 *
 * All of a packet's way is in the sender's system call. So it is the sender's processor time that is told: what others do on
 * the machine is not in it.
 */
import { cidr, ip, ipBytes } from "../src/base/ip.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import * as libc from "../src/sys/libc.ts";
import { socketAddress } from "../src/sys/netns-socket.ts";
import { callInNetns } from "../src/sys/netns.ts";
import { createRoutedPath } from "./lab-path.ts";

/** Senders' addresses (RFC 2544). */
export const SENDERS = "198.18.0.0/15";
export const SINKS = ["198.51.100.10", "198.51.100.11", "198.51.100.12", "198.51.100.13"] as const;
export const SINK_PORT = 9000;
export const VIRTUAL_RANGE = "10.96.0.0/16";
const IPPROTO_RAW = 255;
const IPPROTO_UDP = 17;

export interface DatagramLab extends Disposable {
  /** The node's namespace. */
  readonly node: string;
  /**
   * Sends a datagram to `address` from each of `count` addresses, from number `first` of {@link SENDERS} on. Microseconds of
   * processor for each. Throws if one was not sent.
   */
  send(address: string, first: number, count: number, sourcePort: number): number;
}

export async function datagramLab(): Promise<DatagramLab> {
  using stack = new DisposableStack();
  const { client, node, backend } = stack.use(await createRoutedPath("datagrams", ["192.0.2.2"], SINKS));
  using inNode = await RouteSocket.open({ netns: node });
  using inClient = await RouteSocket.open({ netns: client });
  inClient.addRoute({ destination: cidr("0.0.0.0/0"), gateway: ip("192.0.2.1") });
  inNode.addRoute({ destination: cidr(SENDERS), gateway: ip("192.0.2.2") });
  const socketIn = (netns: string, type: number, protocol: number): number =>
    stack.adopt(
      callInNetns(netns, () => libc.socket(libc.AF_INET, type | libc.SOCK_CLOEXEC, protocol)),
      libc.close,
    );
  // Takes what comes until its buffer is full, and drops the rest.
  libc.bind(socketIn(backend, libc.SOCK_DGRAM, 0), socketAddress(ip("0.0.0.0"), SINK_PORT));
  const sender = socketIn(client, libc.SOCK_RAW, IPPROTO_RAW);
  const owned = stack.move();
  return {
    node,
    send(address, first, count, sourcePort) {
      const packet = packetTo(address, sourcePort);
      const view = new DataView(packet.buffer);
      const base = Number(ip("198.18.0.0").value) + first;
      libc.connect(sender, socketAddress(ip(address), 0));
      const before = process.threadCpuUsage();
      for (let n = 0; n < count; n++) {
        view.setUint32(12, base + n);
        const sent = libc.send(sender, packet, 0);
        if (sent !== packet.length) throw new Error(`send(2) to ${address} gave ${sent}`);
      }
      const { user, system } = process.threadCpuUsage(before);
      return (user + system) / count;
    },
    [Symbol.dispose]: () => owned.dispose(),
  };
}

/** A UDP datagram of no bytes in IPv4; Linux fills in the sum of the IP header, and UDP's of 0 is none (RFC 768). */
function packetTo(address: string, sourcePort: number): Uint8Array<ArrayBuffer> {
  const packet = new Uint8Array(28);
  packet.set([0x45, 0, 0, 28, 0, 0, 0, 0, 64, IPPROTO_UDP]);
  packet.set(ipBytes(ip(address)), 16);
  const view = new DataView(packet.buffer);
  view.setUint16(20, sourcePort);
  view.setUint16(22, SINK_PORT);
  view.setUint16(24, 8);
  return packet;
}
