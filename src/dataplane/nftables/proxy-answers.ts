/**
 * Answers on bridges for addresses that this host only translates: proxy entries, and what the kernel wants besides.
 *
 * Without more, the kernel lets a request that was sent to all wait for up to 0.8 s, at random, before it answers as a
 * proxy (proxy_delay of net.ipv4.neigh and net.ipv6.neigh; RFC 4861, section 7.2.8, for hosts that stand in for each other),
 * and for IPv6 it does so only where proxy_ndp is on. Both are set on those bridges that have such an address, while they
 * have one.
 */
import { formatIp, type Ip } from "../../base/ip.ts";
import type { Log } from "../../base/log.ts";
import type { ProxyNeighbour } from "../../net/rtnetlink/neighbour.ts";
import type { RouteSocket } from "../../net/rtnetlink/route-socket.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";
import { writeSysctl } from "../../sys/sysctl.ts";
import { ROUTE_PROTOCOL } from "./route.ts";

/** proxy_delay of new interfaces, in hundredths of a second (arp_tbl of net/ipv4/arp.c, nd_tbl of net/ipv6/ndisc.c). */
const KERNELS_DELAY = 80;

export class ProxyAnswers {
  readonly #socket: RouteSocket;
  readonly #netns: string | undefined;
  readonly #log: Log;
  /** Ours, by address: an address is in the subnet of one bridge. */
  readonly #proxies = new Map<string, ProxyNeighbour>();
  /** How many of ours each bridge has, by interface and family. */
  readonly #counts = new Map<string, number>();

  constructor(socket: RouteSocket, netns: string | undefined, log: Log) {
    this.#socket = socket;
    this.#netns = netns;
    this.#log = log;
  }

  /**
   * Reads what there is and makes it `wanted`; with `keepOthers` nothing is taken away. How many there were and how many
   * were changed. Throws NetlinkError.
   */
  ensure(
    wanted: readonly ProxyNeighbour[],
    keepOthers: boolean,
  ): { readonly kept: number; readonly written: number } {
    const want = new Map(wanted.map((proxy) => [formatIp(proxy.address), proxy]));
    const surplus: ProxyNeighbour[] = [];
    this.#proxies.clear();
    this.#counts.clear();
    for (const proxy of this.#ours()) {
      const text = formatIp(proxy.address);
      if (!keepOthers && want.get(text)?.link !== proxy.link) surplus.push(proxy);
      else this.#record(proxy);
    }
    const kept = this.#proxies.size;
    // Before what is surplus goes: a bridge that keeps some keeps its settings.
    for (const [text, proxy] of want) if (!this.#proxies.has(text)) this.add(proxy);
    const written = surplus.length + this.#proxies.size - kept;
    for (const proxy of surplus) {
      this.#drop(proxy);
      if (!this.#counts.has(bridgeKey(proxy))) this.#restore(proxy);
    }
    for (const proxy of this.#proxies.values()) this.#prepare(proxy);
    return { kept, written };
  }

  /** From now on the host answers for it. Throws NetlinkError. */
  add(proxy: ProxyNeighbour): void {
    if (!this.#counts.has(bridgeKey(proxy))) this.#prepare(proxy);
    this.#socket.setProxy(proxy);
    this.#record(proxy);
  }

  /** From now on the host does not. Throws NetlinkError. */
  delete(address: Ip): void {
    const proxy = this.#proxies.get(formatIp(address));
    if (proxy === undefined) return;
    this.#proxies.delete(formatIp(address));
    const key = bridgeKey(proxy);
    const count = this.#counts.get(key)! - 1;
    this.#drop(proxy);
    if (count > 0) this.#counts.set(key, count);
    else {
      this.#counts.delete(key);
      this.#restore(proxy);
    }
  }

  /** Takes all of ours away, of earlier processes too. */
  remove(): void {
    this.ensure([], false);
  }

  #ours(): ProxyNeighbour[] {
    return ([4, 6] as const)
      .flatMap((family) => this.#socket.proxies(family))
      .filter(({ protocol }) => protocol === ROUTE_PROTOCOL);
  }

  #record(proxy: ProxyNeighbour): void {
    this.#proxies.set(formatIp(proxy.address), proxy);
    this.#counts.set(bridgeKey(proxy), (this.#counts.get(bridgeKey(proxy)) ?? 0) + 1);
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

function bridgeKey({ link, address }: ProxyNeighbour): string {
  return `${link} ${address.family}`;
}
