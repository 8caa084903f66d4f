/**
 * Tells the containers on a bridge that this host answers for an address now. Who had the address a moment ago (a container
 * that has ended, say) is remembered by its neighbours for half a minute and more as long as they try to reach it, and the
 * Service that has got the address is not reached meanwhile.
 */
import type { Log } from "../../base/log.ts";
import type { Ip } from "../../base/ip.ts";
import { announcement } from "../../net/neighbour/announcement.ts";
import { parseMac } from "../../net/rtnetlink/mac.ts";
import type { RouteSocket } from "../../net/rtnetlink/route-socket.ts";
import { PacketSocket } from "../../sys/packet-socket.ts";
import { SystemError } from "../../sys/system-error.ts";

/** RT_SCOPE_LINK of linux/rtnetlink.h. */
const LINK_SCOPE = 253;

export class Announcer implements Disposable {
  readonly #routes: RouteSocket;
  readonly #link: number;
  readonly #mac: Uint8Array | undefined;
  readonly #log: Log;
  #socket: PacketSocket | undefined;
  #linkLocal: Ip | undefined;
  #failed = false;

  /** `link`: the bridge. Nothing is sent where that cannot be, which is logged once: without it addresses are found later. */
  constructor(routes: RouteSocket, link: number, netns: string | undefined, log: Log) {
    this.#routes = routes;
    this.#link = link;
    this.#log = log;
    const mac = routes.link(link)?.address;
    this.#mac = mac === undefined ? undefined : parseMac(mac);
    this.#try(() => (this.#socket = new PacketSocket(link, netns)));
  }

  announce(address: Ip): void {
    const mac = this.#mac;
    if (mac === undefined) return;
    if (address.family === 6) {
      this.#linkLocal ??= this.#routes
        .addresses(6)
        .find(({ link, scope }) => link === this.#link && scope === LINK_SCOPE)?.address;
      // An interface that has none yet has no neighbours of IPv6.
      if (this.#linkLocal === undefined) return;
    }
    this.#try(() => this.#socket?.send(announcement(address, mac, this.#linkLocal)));
  }

  [Symbol.dispose](): void {
    this.#socket?.[Symbol.dispose]();
  }

  #try(work: () => void): void {
    try {
      work();
    } catch (err) {
      if (!(err instanceof SystemError)) throw err;
      if (!this.#failed)
        this.#log.info(
          { err, link: this.#link },
          "containers on a bridge are not told of new virtual addresses",
        );
      this.#failed = true;
    }
  }
}
