/**
 * A host of its own for packets: a network namespace with two networks, `clients` (with the default route) and `pods`,
 * whose other ends are this process. Packets are put in by hand - by a client, by a pod, by the host itself - and
 * everything that comes of them is read back at once: no waiting, thousands a second.
 */
import { cidr, formatIp, ip, ipFromBytes } from "../../src/base/ip.ts";
import type { Ip } from "../../src/base/ip.ts";
import type { HostOptions } from "../../src/dataplane/fake/host.ts";
import { isLoopback } from "../../src/dataplane/fake/host.ts";
import type { Arrival } from "../../src/dataplane/fake/packet-trace.ts";
import type { Packet } from "../../src/dataplane/fake/packet.ts";
import { encodePacket, packetFamily } from "../../src/dataplane/fake/packet.ts";
import { NetlinkWriter } from "../../src/net/netlink/writer.ts";
import { IPCTNL_MSG_CT, NFNL_SUBSYS_CTNETLINK } from "../../src/net/conntrack/constants.ts";
import { RouteSocket } from "../../src/net/rtnetlink/route-socket.ts";
import { NLM_F_ACK, NLM_F_REQUEST } from "../../src/sys/netlink-message.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../src/sys/netlink-socket.ts";
import { RawSocket } from "../../src/sys/raw-socket.ts";
import { writeSysctl } from "../../src/sys/sysctl.ts";
import { Tun } from "../../src/sys/tun.ts";
import { testNetns } from "./netns.ts";

/** The host as the fake kernel has to know it. */
export const LAB_HOST: HostOptions = {
  interfaces: [
    { name: "clients", addresses: ["11.1.1.254/24", "fd11::fe/64"] },
    // Answers to a loopback address may come in here: without it no node port of 127.0.0.1 could have an endpoint.
    { name: "pods", addresses: ["10.1.1.254/24", "fd10::fe/64"], routeLocalnet: true },
  ],
  routes: [
    { to: "0.0.0.0/0", oif: "clients" },
    { to: "::/0", oif: "clients" },
  ],
};

/** Nothing of the host's own that tests do not ask for, and no limit on its answers. */
const SYSCTLS: Readonly<Record<string, string | number>> = {
  "net/ipv4/ip_forward": 1,
  "net/ipv6/conf/all/forwarding": 1,
  "net/ipv4/conf/all/rp_filter": 0,
  "net/ipv4/conf/default/rp_filter": 0,
  "net/ipv4/conf/all/send_redirects": 0,
  "net/ipv4/conf/default/send_redirects": 0,
  "net/ipv4/icmp_ratemask": 0,
  "net/ipv6/icmp/ratelimit": 0,
  "net/ipv6/conf/default/accept_dad": 0,
  "net/ipv6/conf/default/addr_gen_mode": 1,
  "net/ipv6/conf/default/router_solicitations": 0,
  "net/netfilter/nf_conntrack_tcp_be_liberal": 1,
};

/** A packet that came out of the host, or that the host took in itself (`via` "local"). */
export interface Observation {
  readonly via: string;
  readonly protocol: "TCP" | "UDP" | "SCTP" | "ICMP echo" | "ICMP port-unreachable" | "ICMP other";
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  /** The TCP flags byte; 0 for others. */
  readonly flags: number;
  /** For an ICMP error: the packet that it is about. */
  readonly about?: Observation;
}

/** What the host takes in is heard on a socket for each protocol, and in IPv6, where it has no header, each address. */
interface Ear {
  readonly socket: RawSocket;
  readonly protocol: number;
  readonly local: Ip | undefined;
}

export class PacketLab implements Disposable {
  readonly netns: string;
  readonly netfilter: NetlinkSocket;
  readonly #tuns: readonly Tun[];
  readonly #ears: readonly Ear[];
  /** A socket keeps the source that its first destination got, and 127.0.0.1 is none for others: so there are two. */
  readonly #mouths: Readonly<Record<"others" | "loopback", Readonly<Record<4 | 6, RawSocket>>>>;
  readonly #stack: DisposableStack;

  static async open(): Promise<PacketLab> {
    using stack = new DisposableStack();
    const { name: netns } = stack.use(testNetns("packets"));
    for (const [setting, value] of Object.entries(SYSCTLS)) writeSysctl(setting, value, netns);
    const tuns = LAB_HOST.interfaces.map(({ name }) => stack.use(new Tun(name, netns)));
    for (const { name, routeLocalnet } of LAB_HOST.interfaces)
      if (routeLocalnet === true) writeSysctl(`net/ipv4/conf/${name}/route_localnet`, 1, netns);
    using routes = await RouteSocket.open({ netns });
    routes.setLink("lo", { up: true });
    for (const { name, addresses } of LAB_HOST.interfaces) {
      routes.setLink(name, { up: true });
      for (const text of addresses) {
        const [address = "", length] = text.split("/");
        routes.addAddress(name, ip(address), Number(length));
      }
    }
    for (const { to, oif } of LAB_HOST.routes ?? [])
      routes.addRoute({ destination: cidr(to), link: routes.linkIndex(oif) });
    const netfilter = stack.use(await NetlinkSocket.open(NETLINK_NETFILTER, { netns }));
    return new PacketLab(netns, netfilter, tuns, stack.move());
  }

  private constructor(netns: string, netfilter: NetlinkSocket, tuns: readonly Tun[], stack: DisposableStack) {
    this.netns = netns;
    this.netfilter = netfilter;
    this.#tuns = tuns;
    this.#stack = stack;
    const addresses = LAB_HOST.interfaces.flatMap((one) =>
      one.addresses.map((text) => ip(text.split("/")[0]!)),
    );
    const own6 = [...addresses.filter(({ family }) => family === 6), ip("::1")];
    const ear = (family: 4 | 6, protocol: number, local?: Ip): Ear => ({
      socket: stack.use(new RawSocket(family, protocol, netns, local)),
      protocol,
      local,
    });
    this.#ears = [
      ...[6, 17, 132, 1].map((protocol) => ear(4, protocol)),
      ...[6, 17, 132, 58].flatMap((protocol) => own6.map((local) => ear(6, protocol, local))),
    ];
    const mouths = (): Record<4 | 6, RawSocket> => ({
      4: stack.use(new RawSocket(4, undefined, netns)),
      6: stack.use(new RawSocket(6, undefined, netns)),
    });
    this.#mouths = { others: mouths(), loopback: mouths() };
    this.observe(); // what interfaces say when they come up
  }

  /** Puts the packet in and gives all that came of it. */
  send(packet: Packet, arrival: Arrival): Observation[] {
    const bytes = encodePacket(packet);
    if (arrival.from === "network") this.#tuns.find(({ name }) => name === arrival.iif)!.write(bytes);
    else {
      const mouths = this.#mouths[isLoopback(packet.destination) ? "loopback" : "others"];
      mouths[packetFamily(packet)].send(bytes, ip(packet.destination));
    }
    return this.observe();
  }

  /** What has come out or in since the last call, neighbour discovery and its like left out. */
  observe(): Observation[] {
    const seen: (Observation | undefined)[] = [];
    for (const tun of this.#tuns)
      for (let bytes = tun.read(); bytes !== undefined; bytes = tun.read()) seen.push(parse(bytes, tun.name));
    for (const { socket, protocol, local } of this.#ears)
      for (let raw = socket.receive(); raw !== undefined; raw = socket.receive())
        seen.push(
          local === undefined
            ? parse(raw.bytes, "local")
            : parseTransport(raw.bytes, protocol, formatIp(raw.source), formatIp(local), "local"),
        );
    return seen.filter((one) => one !== undefined);
  }

  /** Forgets all connections of the host, as `conntrack -F` does. */
  flushConnections(): void {
    const type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT.DELETE;
    const writer = new NetlinkWriter(64).startMessage(type, NLM_F_REQUEST | NLM_F_ACK);
    this.netfilter.transact(writer.rawU8(0).rawU8(0).rawU16be(0).endMessage().finish());
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

function parse(bytes: Uint8Array, via: string): Observation | undefined {
  const six = bytes[0]! >> 4 === 6;
  const text = (from: number, to: number): string => formatIp(ipFromBytes(bytes.subarray(from, to)));
  if (six) return parseTransport(bytes.subarray(40), bytes[6]!, text(8, 24), text(24, 40), via);
  return parseTransport(bytes.subarray((bytes[0]! & 15) * 4), bytes[9]!, text(12, 16), text(16, 20), via);
}

const TRANSPORT_HEADER_LENGTH = 8;
const WITH_PORTS: Readonly<Record<number, "TCP" | "UDP" | "SCTP">> = { 6: "TCP", 17: "UDP", 132: "SCTP" };

function parseTransport(
  bytes: Uint8Array,
  protocol: number,
  source: string,
  destination: string,
  via: string,
): Observation | undefined {
  if (bytes.length < TRANSPORT_HEADER_LENGTH) return undefined;
  const u16 = (at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
  const addresses = { via, source, destination };
  const named = WITH_PORTS[protocol];
  if (named !== undefined)
    return {
      ...addresses,
      protocol: named,
      sourcePort: u16(0),
      destinationPort: u16(2),
      flags: protocol === 6 ? (bytes[13] ?? 0) : 0,
    };
  const [type, code] = [bytes[0]!, bytes[1]!];
  const none = { sourcePort: 0, destinationPort: 0, flags: 0 };
  const four = protocol === 1;
  if (type === (four ? 8 : 128)) return { ...addresses, ...none, protocol: "ICMP echo", sourcePort: u16(4) };
  // Echo replies of the host itself, neighbour discovery and multicast listener reports are nobody's question.
  if (type !== (four ? 3 : 1)) return undefined;
  const about = parse(bytes.subarray(8), via);
  const kind = code === (four ? 3 : 4) ? "ICMP port-unreachable" : "ICMP other";
  return { ...addresses, ...none, protocol: kind, ...(about === undefined ? {} : { about }) };
}
