/**
 * What leads packets to virtual addresses as far as this host: our routes, and our answers to ARP and neighbour
 * solicitations.
 *
 * - A connection of the host itself is translated in the output hook, which it reaches only if some route leads to the
 *   address. Where nothing does, there is one over the loopback interface (route.ts): for service ranges, and for each
 *   address outside of them that is a service's as a whole.
 * - Containers on a bridge take the addresses of its subnet for neighbours, and ask who has them. For a virtual address
 *   in there the host answers in its place, by a proxy entry on the bridge. IPv4 does that only for addresses whose route
 *   leads elsewhere than to the bridge (arp_process of net/ipv4/arp.c), so there is one over loopback then, too; its source
 *   is the host's own address on the bridge, as without it.
 *
 * All that is a function of the table and of the bridges. Routes and proxies carry ROUTE_PROTOCOL, so that the next process
 * finds them, and nobody else's are touched.
 */
import { type Cidr, cidr, cidrContains, formatIp, type Ip, ipFromBytes } from "../../base/ip.ts";
import type { Log } from "../../base/log.ts";
import type { ProxyNeighbour } from "../../net/rtnetlink/neighbour.ts";
import type { NewRoute, RouteSocket } from "../../net/rtnetlink/route-socket.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";
import type { VirtualPortKey } from "../table.ts";
import { addressIn, latin1, latin1Bytes } from "./keys.ts";
import type { Programmed, ProgrammedPort } from "./programmed.ts";
import { addressKey, ProxyAnswers } from "./proxy-answers.ts";
import { addRoute, deleteRoute, isReachable, loopbackRoute, ourRoutes, ROUTE_PROTOCOL } from "./route.ts";
import { inTurns, OvertakenError } from "./turns.ts";

/** A bridge of this host that containers are on. */
export interface LocalBridge {
  /** The interface. */
  readonly name: string;
  /** As CIDRs. */
  readonly subnets: readonly string[];
}

export interface PathReport {
  readonly kept: number;
  readonly written: number;
}

const NOTHING: PathReport = { kept: 0, written: 0 };

/** A bridge as the kernel has it. */
interface Bridge {
  readonly link: number;
  readonly name: string;
  readonly subnets: readonly Cidr[];
  readonly addresses: readonly Ip[];
}

/** What an address, or a range, needs. */
interface Path {
  readonly route?: NewRoute;
  /** Only where nothing else leads there. */
  readonly ifUnreachable?: boolean;
  readonly proxy?: ProxyNeighbour;
}

/** How many ports an address has, and how many by which all of it is a service's. */
interface PortCount {
  all: number;
  whole: number;
}

/** Addresses looked at before others may have the event loop. */
const ADDRESSES_AT_ONCE = 16;

export class AddressPaths {
  readonly #socket: RouteSocket;
  readonly #answers: ProxyAnswers;
  readonly #log: Log;
  /** Undefined until somebody has told: what an earlier process has made for bridges stays till then. */
  #told: readonly LocalBridge[] | undefined;
  #bridges: readonly Bridge[] = [];
  /** This host's own addresses, as text. */
  #own: ReadonlySet<string> = new Set();
  /** By addressKey; node ports have none. */
  readonly #ports = new Map<string, PortCount>();
  /** The ways to ranges, by routeKey. */
  #ranges: ReadonlyMap<string, Path> = new Map();
  /** Ours, as they are in the kernel, by routeKey. */
  readonly #routes = new Map<string, NewRoute>();
  /** Of the calls of `ensure` only the last goes on. */
  #calls = 0;
  #ensuring: Promise<PathReport> | undefined;

  constructor(socket: RouteSocket, netns: string | undefined, log: Log) {
    this.#socket = socket;
    this.#answers = new ProxyAnswers(socket, netns, log);
    this.#log = log;
  }

  /** In place of those that there were; `ensure` is to be called then. */
  setBridges(bridges: readonly LocalBridge[]): void {
    this.#told = structuredClone(bridges);
  }

  /** Whether the interface is, or by its name may become, one of the bridges. */
  concerns(link: number, name: string | undefined): boolean {
    return (
      this.#bridges.some((bridge) => bridge.link === link) ||
      (this.#told ?? []).some((bridge) => bridge.name === name)
    );
  }

  /**
   * Reads what there is and makes it what it should be, over as many turns of the event loop as that takes; changes may come
   * in between. One that is overtaken by another resolves with that, or with nothing done after {@link stop}. Rejects with
   * NetlinkError.
   */
  ensure(programmed: Pick<Programmed, "ranges" | "ports">): Promise<PathReport> {
    const call = ++this.#calls;
    const check = (): void => {
      if (this.#calls !== call) throw new OvertakenError();
    };
    this.#ensuring = inTurns(this.#ensure(programmed), check).catch((error: unknown) => {
      if (error instanceof OvertakenError) return this.#ensuring ?? NOTHING;
      throw error;
    });
    return this.#ensuring;
  }

  /** What `ensure` has not done yet it does not do any more. */
  stop(): void {
    this.#calls++;
    this.#ensuring = undefined;
    this.#answers.close();
  }

  /**
   * After a change of ports, before `programmed` has taken it over: what comes and goes with it, one message each. What
   * cannot be made is logged, and tried again by `ensure`.
   */
  change(
    programmed: Pick<Programmed, "ports">,
    ports: ReadonlyMap<VirtualPortKey, ProgrammedPort | undefined>,
  ): void {
    const touched = new Set<string>();
    for (const [key, after] of ports) {
      const former = programmed.ports.get(key);
      if (former?.place === after?.place) continue;
      for (const [port, change] of [
        [former, -1],
        [after, 1],
      ] as const)
        if (port !== undefined && !port.isNode) touched.add(this.#count(port, change));
    }
    for (const address of touched)
      try {
        this.#fix(`${address}/${8 * address.length}`);
      } catch (err) {
        if (!(err instanceof NetlinkError)) throw err;
        const text = formatIp(ipFromBytes(latin1Bytes(address)));
        this.#log.warn({ err, address: text }, "the way to a virtual address could not be changed");
      }
  }

  /** Removes all of ours, of earlier processes too. */
  remove(): void {
    this.stop();
    for (const route of ourRoutes(this.#socket)) deleteRoute(this.#socket, route);
    this.#routes.clear();
    this.#ports.clear();
    this.#answers.remove();
  }

  *#ensure({ ranges, ports }: Pick<Programmed, "ranges" | "ports">): Generator<void, PathReport> {
    this.#lookAtBridges();
    this.#ports.clear();
    for (const port of ports.values()) if (!port.isNode) this.#count(port, 1);
    this.#ranges = new Map(
      ranges.map((range) => [routeKey(range), { route: loopbackRoute(range), ifUnreachable: true }]),
    );
    yield;
    // What is read and what is remembered of it stay one: nothing else is done in between.
    this.#routes.clear();
    for (const route of ourRoutes(this.#socket)) this.#routes.set(routeKey(route.destination), route);
    yield;
    this.#answers.read();
    yield;
    const keys = new Set([...this.#ranges.keys(), ...this.#routes.keys()]);
    for (const address of [...this.#ports.keys(), ...this.#answers.all.keys()])
      keys.add(`${address}/${8 * address.length}`);
    let [kept, written, looked] = [0, 0, 0];
    for (const key of keys) {
      const report = this.#fix(key);
      kept += report.kept;
      written += report.written;
      if (++looked % ADDRESSES_AT_ONCE === 0) yield;
    }
    this.#answers.prepareBridges();
    return { kept, written };
  }

  /** Makes the way to an address or range, by routeKey, what it should be now. Throws NetlinkError. */
  #fix(key: string): PathReport {
    const slash = key.lastIndexOf("/");
    const address = key.slice(0, slash);
    const isAddress = Number(key.slice(slash + 1)) === 8 * address.length;
    const path = this.#ranges.get(key) ?? (isAddress ? this.#pathOf(address) : {});
    let [kept, written] = [0, 0];
    const proxy = isAddress ? this.#answers.all.get(address) : undefined;
    if (proxy !== undefined)
      if (this.#told === undefined || path.proxy?.link === proxy.link) kept++;
      else {
        this.#answers.delete(address);
        written++;
      }
    const route = this.#routes.get(key);
    if (route !== undefined) {
      // Those with a source are there because of bridges.
      const isUnknown = this.#told === undefined && route.source !== undefined;
      if (isUnknown || (path.route !== undefined && isSameSource(route, path.route))) kept++;
      else {
        this.#routes.delete(key);
        deleteRoute(this.#socket, route);
        written++;
      }
    }
    if (!this.#routes.has(key) && this.#makeRoute(key, path)) written++;
    if (path.proxy !== undefined && !this.#answers.all.has(address)) {
      this.#answers.add(path.proxy);
      written++;
    }
    return { kept, written };
  }

  #lookAtBridges(): void {
    const addresses = this.#socket.addresses();
    this.#own = new Set(addresses.map(({ address }) => formatIp(address)));
    const links = new Map(this.#socket.links().map(({ name, index }) => [name, index]));
    this.#bridges = (this.#told ?? []).flatMap(({ name, subnets }) => {
      const link = links.get(name);
      if (link === undefined) return [];
      const own = addresses.filter((one) => one.link === link).map(({ address }) => address);
      return [{ link, name, subnets: subnets.map(cidr), addresses: own }];
    });
  }

  /** The bridge that has the address in a subnet of its own; of the host's own addresses there is none. */
  #bridgeOf(address: Ip): { readonly bridge: Bridge; readonly subnet: Cidr } | undefined {
    for (const bridge of this.#bridges)
      for (const subnet of bridge.subnets)
        if (cidrContains(subnet, address))
          return this.#own.has(formatIp(address)) ? undefined : { bridge, subnet };
    return undefined;
  }

  /** The port's addressKey. */
  #count({ key, place }: ProgrammedPort, change: 1 | -1): string {
    const address = latin1(addressIn(key));
    const count = this.#ports.get(address) ?? { all: 0, whole: 0 };
    count.all += change;
    if (place === "whole") count.whole += change;
    if (count.all === 0) this.#ports.delete(address);
    else this.#ports.set(address, count);
    return address;
  }

  /** By addressKey. */
  #pathOf(address: string): Path {
    const count = this.#ports.get(address);
    if (count === undefined || (count.whole === 0 && this.#bridges.length === 0)) return {};
    const ip = ipFromBytes(latin1Bytes(address));
    const found = this.#bridgeOf(ip);
    if (found === undefined && count.whole === 0) return {};
    const route = loopbackRoute({ base: ip, length: 8 * address.length });
    if (found === undefined) return { route, ifUnreachable: true };
    const { bridge, subnet } = found;
    const proxy = { link: bridge.link, address: ip, protocol: ROUTE_PROTOCOL };
    if (ip.family === 6) return { proxy };
    const source = bridge.addresses.find((own) => own.family === 4 && cidrContains(subnet, own));
    return { route: { ...route, source }, proxy };
  }

  /** False if there is a way already, or while loopback is down. */
  #makeRoute(key: string, { route, ifUnreachable = false }: Path): boolean {
    if (route === undefined || (ifUnreachable && isReachable(this.#socket, route.destination))) return false;
    if (!addRoute(this.#socket, route)) return false;
    this.#routes.set(key, route);
    return true;
  }
}

/** The address with one character for a byte, and the length. */
function routeKey({ base, length }: Cidr): string {
  return `${addressKey(base)}/${length}`;
}

function isSameSource(a: NewRoute, b: NewRoute): boolean {
  const text = ({ source }: NewRoute): string => (source === undefined ? "" : formatIp(source));
  return text(a) === text(b);
}
