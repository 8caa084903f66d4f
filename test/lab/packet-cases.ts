/** Random tables of services, and packets that have something to do with them. */
import type { Arrival } from "../../src/dataplane/fake/packet-trace.ts";
import type { Packet, TcpFlag } from "../../src/dataplane/fake/packet.ts";
import type { BridgePair } from "../../src/dataplane/nftables/desired-state.ts";
import type { Backend, ServiceTable, VirtualPort } from "../../src/dataplane/table.ts";
import { virtualPortKey } from "../../src/dataplane/table.ts";

/** A number from 0 to below 1, the same for the same seed: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What is programmed: a ServiceTable with lists, so that parts can be taken away. */
export interface TableCase {
  readonly ports: readonly VirtualPort[];
  readonly ranges: readonly string[];
  readonly masquerade: readonly BridgePair[];
}

/** A packet but for its source port, which is another each time it is sent. */
export interface PacketCase {
  readonly packet: Omit<Packet, "sourcePort">;
  readonly arrival: Arrival;
}

export function serviceTable({ ports, ranges }: TableCase): ServiceTable {
  return { ports: new Map(ports.map((port) => [virtualPortKey(port), port])), ranges };
}

const RANGES = [
  "10.96.0.0/28",
  "10.97.1.0/24",
  "10.97.2.0/24",
  "172.31.255.255/32",
  "fd96::/124",
  "fd97:1::/64",
];
const IN_RANGES = {
  4: ["10.96.0.1", "10.96.0.10", "10.96.0.15", "10.97.1.7", "10.97.1.255", "172.31.255.255"],
  6: ["fd96::1", "fd96::f", "fd97:1::5:6"],
} as const;
/** Just beside the ranges, elsewhere, and the host's own (as an external IP can be). */
const OUTSIDE = {
  4: ["10.96.0.16", "10.97.0.255", "192.0.2.10", "203.0.113.7", "11.1.1.254", "10.1.1.254"],
  6: ["fd96::10", "2001:db8::10", "fd11::fe", "fd10::fe"],
} as const;
const CLIENTS = { 4: ["11.1.1.1", "11.1.1.2", "198.51.100.9"], 6: ["fd11::1", "2001:db8:9::9"] } as const;
const PODS = {
  4: ["10.1.1.1", "10.1.1.2", "10.1.1.3", "10.1.1.4", "10.1.1.5"],
  6: ["fd10::1", "fd10::2", "fd10::3"],
} as const;
const HOST = { 4: ["11.1.1.254", "10.1.1.254"], 6: ["fd11::fe", "fd10::fe"] } as const;
const LOOPBACK = { 4: "127.0.0.1", 6: "::1" } as const;
const PORTS = [1, 53, 80, 443, 8080, 65_535];
const STRAYS: readonly (readonly TcpFlag[])[] = [
  ["ACK"],
  ["RST"],
  ["FIN", "ACK"],
  ["SYN", "ACK"],
  ["RST", "ACK"],
];

export class CaseMaker {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!;
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #some<T>(list: readonly T[], share: number): T[] {
    return list.filter(() => this.#chance(share));
  }

  #family(): 4 | 6 {
    return this.#chance(0.6) ? 4 : 6;
  }

  table(): TableCase {
    const ports = new Map<string, VirtualPort>();
    for (let count = this.#below(14); count > 0; count--) {
      const port = this.#virtualPort(this.#family());
      ports.set(virtualPortKey(port), port);
    }
    const interfaces = ["clients", "pods", "lo"];
    const pairs = interfaces.flatMap((a) => interfaces.map((b) => [a, b] as const));
    return {
      ports: [...ports.values()],
      ranges: this.#some(RANGES, 0.6),
      masquerade: this.#chance(0.3) ? this.#some(pairs, 0.3) : [],
    };
  }

  #virtualPort(family: 4 | 6): VirtualPort {
    return {
      service: `default/s${this.#below(5)}`,
      portName: "",
      address: this.#pick(this.#chance(0.7) ? IN_RANGES[family] : OUTSIDE[family]),
      protocol: this.#chance(0.5) ? "TCP" : "UDP",
      port: this.#pick(PORTS),
      backends: this.#backends(family),
    };
  }

  /** 0 to 8, most of them pods; some on the host itself, some among the clients. */
  #backends(family: 4 | 6): Backend[] {
    const backends = new Map<string, Backend>();
    for (let count = this.#below(9); count > 0; count--) {
      const addresses = this.#chance(0.8) ? PODS : this.#chance(0.5) ? HOST : CLIENTS;
      const backend = { address: this.#pick(addresses[family]), port: this.#pick(PORTS) };
      backends.set(`${backend.address} ${backend.port}`, backend);
    }
    return [...backends.values()];
  }

  /** Mostly to something that the table has. */
  packet(table: TableCase): PacketCase {
    const known = table.ports.length > 0 && this.#chance(0.7) ? this.#pick(table.ports) : undefined;
    const family = known === undefined ? this.#family() : known.address.includes(":") ? 6 : 4;
    const arrival = this.#arrival();
    const source = this.#source(family, arrival, known);
    const protocol =
      known !== undefined && this.#chance(0.85)
        ? known.protocol
        : this.#pick(["TCP", "UDP", "ICMP"] as const);
    const everywhere = [...IN_RANGES[family], ...OUTSIDE[family], ...PODS[family], ...CLIENTS[family]];
    const destination = known?.address ?? this.#pick(everywhere);
    const destinationPort =
      protocol === "ICMP" ? 0 : known !== undefined && this.#chance(0.85) ? known.port : this.#pick(PORTS);
    const packet = { protocol, source, destination, destinationPort };
    if (protocol === "TCP" && this.#chance(0.15))
      return { packet: { ...packet, tcpFlags: this.#pick(STRAYS) }, arrival };
    return { packet, arrival };
  }

  #arrival(): Arrival {
    return this.#chance(0.25) ? { from: "host" } : { from: "network", iif: this.#pick(["clients", "pods"]) };
  }

  #source(family: 4 | 6, arrival: Arrival, known: VirtualPort | undefined): string {
    if (arrival.from === "host") return this.#chance(0.1) ? LOOPBACK[family] : this.#pick(HOST[family]);
    // Now and then the network says that it is the host, or a service.
    if (this.#chance(0.03)) return this.#pick([...HOST[family], ...IN_RANGES[family]]);
    if (arrival.iif === "clients") return this.#pick(CLIENTS[family]);
    const endpoints =
      known?.backends.filter(({ address }) => (PODS[family] as readonly string[]).includes(address)) ?? [];
    return endpoints.length > 0 && this.#chance(0.4)
      ? this.#pick(endpoints).address
      : this.#pick(PODS[family]);
  }
}
