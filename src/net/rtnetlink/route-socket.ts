/**
 * rtnetlink in readable calls: what `ip link`, `ip address`, `ip route` and `ip neighbour` do, without starting `ip`.
 *
 * All calls are synchronous (10 to 50 microseconds) and throw NetlinkError with the kernel's reason.
 */
import { openSync, closeSync } from "node:fs";
import type { Ip, IpFamily } from "../../base/ip.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";
import type { NetlinkMessage } from "../../sys/netlink-message.ts";
import {
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
} from "../../sys/netlink-message.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../../sys/netlink-socket.ts";
import { netnsPath } from "../../sys/netns.ts";
import { NetlinkWriter } from "../netlink/writer.ts";
import type { LinkAddress } from "./address.ts";
import * as address from "./address.ts";
import type { Link, LinkSettings, NewLink, NewLinkSettings, VethPeer } from "./link.ts";
import * as link from "./link.ts";
import type { Neighbour, ProxyNeighbour } from "./neighbour.ts";
import * as neighbour from "./neighbour.ts";
import type { Route, RouteFilter } from "./route.ts";
import * as route from "./route.ts";

const CHANGE = NLM_F_REQUEST | NLM_F_ACK;
const CREATE = CHANGE | NLM_F_CREATE | NLM_F_EXCL;
const DUMP = NLM_F_REQUEST | NLM_F_DUMP;

/** A route to add: the destination, and what differs from an ordinary route of table main. */
export type NewRoute = Pick<Route, "destination"> & Partial<Route>;

export class RouteSocket implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #writer = new NetlinkWriter();

  /** A socket into a namespace (a name in /run/netns or a path), by default the calling thread's own. */
  static async open(options: { readonly netns?: string } = {}): Promise<RouteSocket> {
    return new RouteSocket(await NetlinkSocket.open(NETLINK_ROUTE, options));
  }

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  links(): Link[] {
    return this.#dump((writer) => link.writeGetLink(writer, DUMP)).map(link.readLink);
  }

  /** The interface with this name or index; undefined if there is none. */
  link(which: string | number): Link | undefined {
    try {
      const [message] = this.#transact((writer) => link.writeGetLink(writer, CHANGE, which));
      return message && link.readLink(message);
    } catch (error) {
      if (error instanceof NetlinkError && error.code === "ENODEV") return undefined;
      throw error;
    }
  }

  /** The index of the interface called `name`. Throws RangeError if there is none. */
  linkIndex(name: string): number {
    const found = this.link(name);
    if (found === undefined) throw new RangeError(`no network interface ${JSON.stringify(name)}`);
    return found.index;
  }

  /** Makes an interface; EEXIST if the name is taken. */
  createLink(settings: NewLink): void {
    this.#transact((writer) => link.writeNewLink(writer, CREATE, settings));
  }

  /** Makes a pair of interfaces joined by a cable, the second one in the namespace `peerNetns` if given. */
  createVeth(settings: NewLinkSettings, peer: VethPeer, peerNetns?: string): void {
    if (peerNetns === undefined) return this.createLink({ ...settings, kind: "veth", peer });
    const netnsFd = openSync(netnsPath(peerNetns), "r");
    try {
      this.createLink({ ...settings, kind: "veth", peer: { ...peer, netnsFd } });
    } finally {
      closeSync(netnsFd);
    }
  }

  setLink(which: string | number, settings: LinkSettings): void {
    const index = typeof which === "number" ? which : this.linkIndex(which);
    this.#transact((writer) => link.writeSetLink(writer, CHANGE, index, settings));
  }

  /** Moves an interface into another namespace. It arrives down and without its addresses. */
  moveLink(which: string | number, netns: string): void {
    const netnsFd = openSync(netnsPath(netns), "r");
    try {
      this.setLink(which, { netnsFd });
    } finally {
      closeSync(netnsFd);
    }
  }

  deleteLink(which: string | number): void {
    const index = typeof which === "number" ? which : this.linkIndex(which);
    this.#transact((writer) => link.writeDeleteLink(writer, CHANGE, index));
  }

  addresses(family?: IpFamily): LinkAddress[] {
    const messages = this.#dump((writer) => address.writeGetAddresses(writer, DUMP, family));
    return messages.map(address.readAddress).filter((one) => one !== undefined);
  }

  /** Adds an address to an interface, usable at once (no duplicate detection). Adding it again changes nothing. */
  addAddress(which: string | number, ip: Ip, prefixLength: number): void {
    this.#address(address.RTM_NEWADDR, CHANGE | NLM_F_CREATE | NLM_F_REPLACE, which, ip, prefixLength);
  }

  /** EADDRNOTAVAIL if the interface does not have it. */
  deleteAddress(which: string | number, ip: Ip, prefixLength: number): void {
    this.#address(address.RTM_DELADDR, CHANGE, which, ip, prefixLength);
  }

  routes(filter: RouteFilter): Route[] {
    const messages = this.#dump((writer) => route.writeGetRoutes(writer, DUMP, filter));
    return messages.map(route.readRoute).filter((one) => one !== undefined);
  }

  /** Adds a route: EEXIST if there is one to that destination with that priority. */
  addRoute(wanted: NewRoute): void {
    this.#transact((writer) => route.writeRoute(writer, route.RTM_NEWROUTE, CREATE, complete(wanted)));
  }

  /** Adds a route, in place of the one with the same destination, table and priority. */
  replaceRoute(wanted: NewRoute): void {
    const flags = CHANGE | NLM_F_CREATE | NLM_F_REPLACE;
    this.#transact((writer) => route.writeRoute(writer, route.RTM_NEWROUTE, flags, complete(wanted)));
  }

  /** ESRCH if there is none. */
  deleteRoute(wanted: NewRoute): void {
    this.#transact((writer) =>
      route.writeRoute(writer, route.RTM_DELROUTE, CHANGE, {
        ...complete(wanted),
        // Anything matches: RTPROT_UNSPEC, RT_SCOPE_NOWHERE.
        protocol: wanted.protocol ?? route.Protocol.unspec,
        scope: wanted.scope ?? route.Scope.nowhere,
      }),
    );
  }

  /** Which way a packet to `destination` goes now. Throws NetlinkError ENETUNREACH or EHOSTUNREACH if none. */
  routeTo(destination: Ip, source?: Ip): Route {
    const messages = this.#transact((writer) =>
      route.writeRouteLookup(writer, NLM_F_REQUEST, destination, source),
    );
    const found = messages[0] && route.readRoute(messages[0]);
    if (found === undefined) throw new Error("the kernel answered a route lookup without a route");
    return found;
  }

  neighbours(family: IpFamily): Neighbour[] {
    const messages = this.#dump((writer) => neighbour.writeGetNeighbours(writer, DUMP, family));
    return messages.map(neighbour.readNeighbour).filter((one) => one !== undefined);
  }

  /** Adds an entry or replaces the one of that address. */
  setNeighbour(value: Neighbour): void {
    const flags = CHANGE | NLM_F_CREATE | NLM_F_REPLACE;
    this.#transact((writer) => neighbour.writeNeighbour(writer, neighbour.RTM_NEWNEIGH, flags, value));
  }

  /** ENOENT if there is none. */
  deleteNeighbour(value: Neighbour): void {
    this.#transact((writer) => neighbour.writeNeighbour(writer, neighbour.RTM_DELNEIGH, CHANGE, value));
  }

  /** The addresses that this host answers for on its interfaces. */
  proxies(family: IpFamily): ProxyNeighbour[] {
    const messages = this.#dump((writer) => neighbour.writeGetNeighbours(writer, DUMP, family, "proxies"));
    return messages.map(neighbour.readProxy).filter((one) => one !== undefined);
  }

  /** Answers for an address on an interface from now on. Adding it again changes nothing but the protocol. */
  setProxy(value: ProxyNeighbour): void {
    const flags = CHANGE | NLM_F_CREATE | NLM_F_REPLACE;
    this.#transact((writer) => neighbour.writeProxy(writer, neighbour.RTM_NEWNEIGH, flags, value));
  }

  /** ENOENT if there is none. */
  deleteProxy(value: ProxyNeighbour): void {
    this.#transact((writer) => neighbour.writeProxy(writer, neighbour.RTM_DELNEIGH, CHANGE, value));
  }

  #address(type: number, flags: number, which: string | number, ip: Ip, prefixLength: number): void {
    const index = typeof which === "number" ? which : this.linkIndex(which);
    const isLoopback = ip.family === 4 && ip.value >> 24n === 127n;
    const scope = isLoopback ? route.Scope.host : route.Scope.universe;
    const value = { link: index, address: ip, prefixLength, scope, flags: address.IFA_F_NODAD };
    this.#transact((writer) => address.writeAddress(writer, type, flags, value));
  }

  #transact(write: (writer: NetlinkWriter) => void): NetlinkMessage[] {
    write(this.#writer.reset());
    return this.#socket.transact(this.#writer.finish());
  }

  #dump(write: (writer: NetlinkWriter) => void): NetlinkMessage[] {
    write(this.#writer.reset());
    return this.#socket.dump(this.#writer.finish());
  }
}

/** A route without a gateway leads to neighbours (scope link), except in IPv6, which has no scopes, or to nowhere. */
function complete(wanted: NewRoute): Route {
  const type = wanted.type ?? "unicast";
  const isDirect = wanted.gateway === undefined && wanted.destination.base.family === 4 && type === "unicast";
  return {
    type,
    table: route.Table.main,
    protocol: route.Protocol.static,
    scope: isDirect ? route.Scope.link : route.Scope.universe,
    link: undefined,
    gateway: undefined,
    source: undefined,
    priority: 0,
    onlink: false,
    ...wanted,
  };
}
