/** Random tables of services, and packets that have something to do with them. */
import type { Arrival } from "../../src/dataplane/fake/packet-trace.ts";
import type { Packet, TcpFlag } from "../../src/dataplane/fake/packet.ts";
import type { BridgePair } from "../../src/dataplane/nftables/desired-state.ts";
import type { Backend, Balance, Choice, ServiceTable, VirtualPort } from "../../src/dataplane/table.ts";
import { isNodePort, NODE_ADDRESS, virtualPortKey } from "../../src/dataplane/table.ts";

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
  readonly podRanges: readonly string[];
  readonly routedRanges: readonly string[];
  readonly masquerade: readonly BridgePair[];
}

export const EMPTY_TABLE: TableCase = {
  ports: [],
  ranges: [],
  podRanges: [],
  routedRanges: [],
  masquerade: [],
};

/** A packet but for its source port, which is another each time it is sent. */
export interface PacketCase {
  readonly packet: Omit<Packet, "sourcePort">;
  readonly arrival: Arrival;
}

export function serviceTable({ ports, ranges, podRanges, routedRanges }: TableCase): ServiceTable {
  return {
    ports: new Map(ports.map((port) => [virtualPortKey(port), port])),
    ranges,
    podRanges,
    routedRanges,
  };
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
/** Pods of this node, of which each sees the others directly. */
const PODS = {
  4: ["10.1.1.1", "10.1.1.2", "10.1.1.3", "10.1.1.4", "10.1.1.5"],
  6: ["fd10::1", "fd10::2", "fd10::3"],
} as const;
/** Pods of other nodes, beyond the network of the clients. */
const REMOTE = { 4: ["10.2.2.1", "10.2.2.2", "10.2.2.3"], 6: ["fd20::1", "fd20::2"] } as const;
const HOST = { 4: ["11.1.1.254", "10.1.1.254"], 6: ["fd11::fe", "fd10::fe"] } as const;
const LOOPBACK = { 4: ["127.0.0.1", "127.1.2.3"], 6: ["::1"] } as const;
const POD_RANGES = ["10.1.1.0/24", "10.2.2.0/24", "fd10::/64", "fd20::/64", "10.1.0.0/16"];
/** For loadBalancerSourceRanges: single clients, networks, and everybody. */
const SOURCES = {
  4: ["11.1.1.1/32", "11.1.1.0/31", "10.1.0.0/16", "198.51.100.0/24", "11.1.1.254/32", "0.0.0.0/0"],
  6: ["fd11::1/128", "fd10::/64", "2001:db8::/32", "fd11::/64", "::/0"],
} as const;
const PORTS = [1, 53, 80, 443, 8080, 65_535];
const WEIGHTS = [1, 1, 2, 3, 10, 40];
/** A cluster IP is a service's as a whole, wherever it is from. */
const TYPES = ["ClusterIP", "ExternalIP", "LoadBalancer"] as const;
const BALANCES: readonly (Balance | undefined)[] = [
  undefined,
  "round-robin",
  "source",
  "source-port",
  "least-clients",
];
/** Seconds, all longer than any test: what ends in time is tested apart. */
const AFFINITIES = [600, 10_800, 86_400];
const STRAYS: readonly (readonly TcpFlag[])[] = [
  ["ACK"],
  ["RST"],
  ["FIN", "ACK"],
  ["SYN", "ACK"],
  ["RST", "ACK"],
];

export interface CaseOptions {
  /** How often the network says that it is the host, or a service. @default {0.03} */
  readonly spoofed?: number;
  /** How often TCP packets are none that begin a connection. @default {0.15} */
  readonly strays?: number;
}

export class CaseMaker {
  readonly #random: () => number;
  readonly #options: Required<CaseOptions>;

  constructor(random: () => number, options: CaseOptions = {}) {
    this.#random = random;
    this.#options = { spoofed: 0.03, strays: 0.15, ...options };
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
      podRanges: this.#chance(0.7) ? this.#some(POD_RANGES, 0.6) : [],
      routedRanges: this.#chance(0.5) ? this.#some(POD_RANGES, 0.4) : [],
      masquerade: this.#chance(0.2) ? this.#some(pairs, 0.3) : [],
    };
  }

  #virtualPort(family: 4 | 6): VirtualPort {
    const where = this.#random();
    const address =
      where < 0.25 ? NODE_ADDRESS[family] : this.#pick(where < 0.75 ? IN_RANGES[family] : OUTSIDE[family]);
    const all = this.#backends(family);
    const type = address === NODE_ADDRESS[family] ? "NodePort" : this.#pick(TYPES);
    const balance = this.#chance(0.5) ? this.#pick(BALANCES) : undefined;
    return {
      service: `default/s${this.#below(5)}`,
      portName: "",
      type,
      address,
      protocol: this.#pick(["TCP", "TCP", "UDP", "UDP", "SCTP"] as const),
      port: this.#pick(PORTS),
      ...this.#choice(all),
      ...(this.#chance(0.25) ? { external: this.#choice(all.filter(({ local }) => local === true)) } : {}),
      ...(this.#chance(0.2) ? { sourceRanges: this.#some(SOURCES[family], 0.3) } : {}),
      ...(balance === undefined ? {} : { balance }),
      ...(this.#chance(0.25) ? { affinity: this.#pick(AFFINITIES) } : {}),
    };
  }

  #choice(backends: readonly Backend[]): Choice {
    const isDrop = this.#chance(backends.length > 0 ? 0.1 : 0.5);
    return { backends, ...(isDrop ? { whenEmpty: "drop" } : {}) };
  }

  /** 0 to 8, most of them pods; some on the host itself, some on other nodes, some among the clients. */
  #backends(family: 4 | 6): Backend[] {
    const backends = new Map<string, Backend>();
    const isWeighted = this.#chance(0.3);
    const isRemoteKnown = this.#chance(0.8);
    for (let count = this.#chance(0.15) ? 0 : this.#below(9); count > 0; count--) {
      const kind = this.#random();
      const [addresses, isLocal] =
        kind < 0.55
          ? [PODS, true]
          : kind < 0.65
            ? [HOST, true]
            : kind < 0.9
              ? [REMOTE, false]
              : [CLIENTS, false];
      const backend: Backend = {
        address: this.#pick<string>(addresses[family]),
        port: this.#pick(PORTS),
        ...(isWeighted ? { weight: this.#pick(WEIGHTS) } : {}),
        // Whether an address is local is the same in the whole table; a table may also know no node at all.
        ...(isLocal ? { local: true } : isRemoteKnown ? { local: false } : {}),
      };
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
      known !== undefined && this.#chance(0.9)
        ? known.protocol
        : this.#pick(["TCP", "UDP", "SCTP", "ICMP"] as const);
    const everywhere = [
      ...IN_RANGES[family],
      ...OUTSIDE[family],
      ...PODS[family],
      ...REMOTE[family],
      ...CLIENTS[family],
      ...LOOPBACK[family],
    ];
    const destination =
      known === undefined
        ? this.#pick(everywhere)
        : isNodePort(known)
          ? this.#pick([...HOST[family], ...HOST[family], ...LOOPBACK[family], ...OUTSIDE[family]])
          : known.address;
    const destinationPort =
      protocol === "ICMP" ? 0 : known !== undefined && this.#chance(0.85) ? known.port : this.#pick(PORTS);
    const packet = { protocol, source, destination, destinationPort };
    if (protocol === "TCP" && this.#chance(this.#options.strays))
      return { packet: { ...packet, tcpFlags: this.#pick(STRAYS) }, arrival };
    return { packet, arrival };
  }

  #arrival(): Arrival {
    return this.#chance(0.25) ? { from: "host" } : { from: "network", iif: this.#pick(["clients", "pods"]) };
  }

  #source(family: 4 | 6, arrival: Arrival, known: VirtualPort | undefined): string {
    if (arrival.from === "host") return this.#pick(this.#chance(0.3) ? LOOPBACK[family] : HOST[family]);
    if (this.#chance(this.#options.spoofed))
      return this.#pick([...HOST[family], ...IN_RANGES[family], ...OUTSIDE[family], ...LOOPBACK[family]]);
    if (arrival.iif === "clients") return this.#pick(this.#chance(0.3) ? REMOTE[family] : CLIENTS[family]);
    const endpoints =
      known?.backends.filter(({ address }) => (PODS[family] as readonly string[]).includes(address)) ?? [];
    return endpoints.length > 0 && this.#chance(0.4)
      ? this.#pick(endpoints).address
      : this.#pick(PODS[family]);
  }
}
