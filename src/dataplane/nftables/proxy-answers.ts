/**
 * Answers on bridges for addresses that this host only translates: proxy entries, and what the kernel wants besides.
 *
 * Without more, the kernel lets a request that was sent to all wait for up to 0.8 s, at random, before it answers as a
 * proxy (proxy_delay of net.ipv4.neigh and net.ipv6.neigh; RFC 4861, section 7.2.8, for hosts that stand in for each other),
 * and for IPv6 it does so only where proxy_ndp is on. Both are set on those bridges that have such an address, while they
 * have one.
 */
import { type Ip, ipBytes } from "../../base/ip.ts";
import type { Log } from "../../base/log.ts";
import type { ProxyNeighbour } from "../../net/rtnetlink/neighbour.ts";
import type { RouteSocket } from "../../net/rtnetlink/route-socket.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";
import { writeSysctl } from "../../sys/sysctl.ts";
import { Announcer } from "./announcer.ts";
import { latin1 } from "./keys.ts";
import { ROUTE_PROTOCOL } from "./route.ts";

/** proxy_delay of new interfaces, in hundredths of a second (arp_tbl of net/ipv4/arp.c, nd_tbl of net/ipv6/ndisc.c). */
const KERNELS_DELAY = 80;

export class ProxyAnswers {
  readonly #socket: RouteSocket;
  readonly #netns: string | undefined;
  readonly #log: Log;
  /** Ours by {@link addressKey}: an address is in the subnet of one bridge. */
  readonly #proxies = new Map<string, ProxyNeighbour>();
  /** One of ours on each bridge, and how many there are, by interface and family. */
  readonly #bridges = new Map<string, { readonly one: ProxyNeighbour; count: number }>();
  /** By interface. */
  readonly #announcers = new Map<number, Announcer>();

  constructor(socket: RouteSocket, netns: string | undefined, log: Log) {
    this.#socket = socket;
    this.#netns = netns;
    this.#log = log;
  }

  /** Ours as they were last read and changed since, by {@link addressKey}. */
  get all(): ReadonlyMap<string, ProxyNeighbour> {
    return this.#proxies;
  }

  /** Reads which there are. Throws NetlinkError. */
  read(): void {
    this.#proxies.clear();
    this.#bridges.clear();
    // An interface may be another one by now, with the same index.
    this.close();
    for (const family of [4, 6] as const)
      for (const proxy of this.#socket.proxies(family))
        if (proxy.protocol === ROUTE_PROTOCOL) this.#record(proxy);
  }

  /** Sees to it that the bridges have the settings that it takes. */
  prepareBridges(): void {
    for (const { one } of this.#bridges.values()) this.#prepare(one);
  }

  /** From now on the host answers for it. Throws NetlinkError. */
  add(proxy: ProxyNeighbour): void {
    if (!this.#bridges.has(bridgeKey(proxy))) this.#prepare(proxy);
    this.#socket.setProxy(proxy);
    this.#record(proxy);
    let announcer = this.#announcers.get(proxy.link);
    if (announcer === undefined) {
      announcer = new Announcer(this.#socket, proxy.link, this.#netns, this.#log);
      this.#announcers.set(proxy.link, announcer);
    }
    announcer.announce(proxy.address);
  }

  /** Gives back what it takes to announce addresses, until there is one to announce again. */
  close(): void {
    for (const announcer of this.#announcers.values()) announcer[Symbol.dispose]();
    this.#announcers.clear();
  }

  /** From now on the host does not. Throws NetlinkError. */
  delete(key: string): void {
    const proxy = this.#proxies.get(key);
    if (proxy === undefined) return;
    this.#proxies.delete(key);
    const bridge = this.#bridges.get(bridgeKey(proxy))!;
    this.#drop(proxy);
    if (--bridge.count > 0) return;
    this.#bridges.delete(bridgeKey(proxy));
    this.#restore(proxy);
  }

  /** Takes all of ours away, of earlier processes too. */
  remove(): void {
    this.read();
    for (const key of this.#proxies.keys()) this.delete(key);
  }

  #record(proxy: ProxyNeighbour): void {
    this.#proxies.set(addressKey(proxy.address), proxy);
    const bridge = this.#bridges.get(bridgeKey(proxy));
    if (bridge === undefined) this.#bridges.set(bridgeKey(proxy), { one: proxy, count: 1 });
    else bridge.count++;
  }

  #drop(proxy: ProxyNeighbour): void {
    try {
      this.#socket.deleteProxy(proxy);
    } catch (error) {
      // It has gone, or its bridge with it.
      if (!(error instanceof NetlinkError && (error.code === "ENOENT" || error.code === "ENODEV")))
        throw error;
    }
  }

  #prepare(proxy: ProxyNeighbour): void {
    this.#set(proxy, 0, "1");
  }

  #restore(proxy: ProxyNeighbour): void {
    this.#set(proxy, KERNELS_DELAY, "0");
  }

  /** What cannot be set makes the first connection slower (or, of IPv6, impossible) and stops nothing else. */
  #set({ link, address: { family } }: ProxyNeighbour, delay: number, ndp: string): void {
    const name = this.#socket.link(link)?.name;
    if (name === undefined) return;
    try {
      writeSysctl(`net/ipv${family}/neigh/${name}/proxy_delay`, delay, this.#netns);
      if (family === 6) writeSysctl(`net/ipv6/conf/${name}/proxy_ndp`, ndp, this.#netns);
    } catch (err) {
      this.#log.warn(
        { err, bridge: name, family },
        "containers on the bridge may wait for virtual addresses in its subnet: a setting of the kernel cannot be changed",
      );
    }
  }
}

/** One character for a byte. */
export function addressKey(address: Ip): string {
  return latin1(ipBytes(address));
}

function bridgeKey({ link, address }: ProxyNeighbour): string {
  return `${link} ${address.family}`;
}
