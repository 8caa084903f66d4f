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
import { type Cidr, cidr, cidrContains, formatCidr, formatIp, type Ip, ipFromBytes } from "../../base/ip.ts";
import type { Log } from "../../base/log.ts";
import type { ProxyNeighbour } from "../../net/rtnetlink/neighbour.ts";
import type { NewRoute, RouteSocket } from "../../net/rtnetlink/route-socket.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";
import type { VirtualPortKey } from "../table.ts";
import { addressIn, latin1, latin1Bytes } from "./keys.ts";
import type { Programmed, ProgrammedPort } from "./programmed.ts";
import { ProxyAnswers } from "./proxy-answers.ts";
import { addRoute, deleteRoute, isReachable, loopbackRoute, ourRoutes, ROUTE_PROTOCOL } from "./route.ts";

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

export class AddressPaths {
  readonly #socket: RouteSocket;
  readonly #answers: ProxyAnswers;
  readonly #log: Log;
  /** Undefined until somebody has told: what an earlier process has made for bridges stays till then. */
  #told: readonly LocalBridge[] | undefined;
  #bridges: readonly Bridge[] = [];
  /** This host's own addresses, as text. */
  #own: ReadonlySet<string> = new Set();
  /** How many ports the addresses have that need a path, by the address with one character for a byte. */
  readonly #ports = new Map<string, number>();
  /** Ours, as they are in the kernel, by destination. */
  readonly #routes = new Map<string, NewRoute>();

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

  /** Reads what there is and makes it what it should be. Throws NetlinkError. */
  ensure({ ranges, ports }: Pick<Programmed, "ranges" | "ports">): PathReport {
    this.#lookAtBridges();
    this.#ports.clear();
    for (const port of ports.values()) if (this.#needsPath(port)) this.#count(port, 1);
    const paths: Path[] = ranges.map((range) => ({ route: loopbackRoute(range), ifUnreachable: true }));
    for (const address of this.#ports.keys()) paths.push(this.#pathOf(address));
    const routes = this.#ensureRoutes(paths);
    const proxies = paths.flatMap(({ proxy }) => (proxy === undefined ? [] : [proxy]));
    const answers = this.#answers.ensure(proxies, this.#told === undefined);
    return { kept: routes.kept + answers.kept, written: routes.written + answers.written };
  }

  /**
   * After a change of ports, before `programmed` has taken it over: what comes and goes with it, one message each. What
   * cannot be made is logged, and tried again by `ensure`.
   */
  change(
    programmed: Pick<Programmed, "ports">,
    ports: ReadonlyMap<VirtualPortKey, ProgrammedPort | undefined>,
  ): void {
    const before = new Map<string, number>();
    for (const [key, after] of ports) {
      const former = programmed.ports.get(key);
      const needed = former !== undefined && this.#needsPath(former);
      const needs = after !== undefined && this.#needsPath(after);
      if (needed === needs) continue;
      const port = (after ?? former)!;
      const address = latin1(addressIn(port.key));
      if (!before.has(address)) before.set(address, this.#ports.get(address) ?? 0);
      this.#count(port, needs ? 1 : -1);
    }
    for (const [address, count] of before) {
      const isNeeded = this.#ports.has(address);
      if (isNeeded === count > 0) continue;
      try {
        if (isNeeded) this.#make(this.#pathOf(address));
        else this.#unmake(address);
      } catch (err) {
        if (!(err instanceof NetlinkError)) throw err;
        const text = formatIp(ipFromBytes(latin1Bytes(address)));
        this.#log.warn({ err, address: text }, "the way to a virtual address could not be changed");
      }
    }
  }

  /** Removes all of ours, of earlier processes too. */
  remove(): void {
    for (const route of ourRoutes(this.#socket)) deleteRoute(this.#socket, route);
    this.#routes.clear();
    this.#ports.clear();
    this.#answers.remove();
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

  #needsPath({ place, isNode, key }: ProgrammedPort): boolean {
    if (isNode) return false;
    return (
      place === "whole" ||
      (this.#bridges.length > 0 && this.#bridgeOf(ipFromBytes(addressIn(key))) !== undefined)
    );
  }

  /** The bridge that has the address in a subnet of its own; of the host's own addresses there is none. */
  #bridgeOf(address: Ip): { readonly bridge: Bridge; readonly subnet: Cidr } | undefined {
    for (const bridge of this.#bridges)
      for (const subnet of bridge.subnets)
        if (cidrContains(subnet, address))
          return this.#own.has(formatIp(address)) ? undefined : { bridge, subnet };
    return undefined;
  }

  #count({ key }: ProgrammedPort, change: 1 | -1): void {
    const address = latin1(addressIn(key));
    const count = (this.#ports.get(address) ?? 0) + change;
    if (count === 0) this.#ports.delete(address);
    else this.#ports.set(address, count);
  }

  /** `address` has one character for a byte. */
  #pathOf(address: string): Path {
    const ip = ipFromBytes(latin1Bytes(address));
    const route = loopbackRoute({ base: ip, length: 8 * address.length });
    const found = this.#bridgeOf(ip);
    if (found === undefined) return { route, ifUnreachable: true };
    const { bridge, subnet } = found;
    const proxy = { link: bridge.link, address: ip, protocol: ROUTE_PROTOCOL };
    if (ip.family === 6) return { proxy };
    const source = bridge.addresses.find((own) => own.family === 4 && cidrContains(subnet, own));
    return { route: { ...route, source }, proxy };
  }

  #ensureRoutes(paths: readonly Path[]): PathReport {
    const wanted = new Map(
      paths.flatMap((path) =>
        path.route === undefined ? [] : [[formatCidr(path.route.destination), path] as const],
      ),
    );
    let kept = 0;
    let written = 0;
    this.#routes.clear();
    for (const route of ourRoutes(this.#socket)) {
      const text = formatCidr(route.destination);
      const want = wanted.get(text)?.route;
      // Those with a source are there because of bridges.
      const isUnknown = this.#told === undefined && route.source !== undefined;
      if (isUnknown || (want !== undefined && isSameSource(route, want))) {
        this.#routes.set(text, route);
        kept++;
      } else {
        deleteRoute(this.#socket, route);
        written++;
      }
    }
    for (const [text, path] of wanted) if (!this.#routes.has(text) && this.#makeRoute(path)) written++;
    return { kept, written };
  }

  #make(path: Path): void {
    this.#makeRoute(path);
    if (path.proxy !== undefined) this.#answers.add(path.proxy);
  }

  /** False if there is a way already, or while loopback is down. */
  #makeRoute({ route, ifUnreachable = false }: Path): boolean {
    if (route === undefined || (ifUnreachable && isReachable(this.#socket, route.destination))) return false;
    if (!addRoute(this.#socket, route)) return false;
    this.#routes.set(formatCidr(route.destination), route);
    return true;
  }

  #unmake(address: string): void {
    const ip = ipFromBytes(latin1Bytes(address));
    const text = formatCidr({ base: ip, length: 8 * address.length });
    const route = this.#routes.get(text);
    this.#routes.delete(text);
    this.#answers.delete(ip);
    if (route !== undefined) deleteRoute(this.#socket, route);
  }
}

function isSameSource(a: NewRoute, b: NewRoute): boolean {
  const text = ({ source }: NewRoute): string => (source === undefined ? "" : formatIp(source));
  return text(a) === text(b);
}
