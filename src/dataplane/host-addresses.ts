/** The addresses that this host has itself, as they come and go. */
import { formatIp } from "../base/ip.ts";
import { RouteSocket } from "../net/rtnetlink/route-socket.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../sys/netlink-socket.ts";

export interface HostAddresses extends Disposable {
  /** `address` in canonical text. */
  has(address: string): boolean;
  /** Told of those that have come or gone, after `has` knows of them. */
  onChange: ((addresses: ReadonlySet<string>) => void) | undefined;
}

/** RTNLGRP_IPV4_IFADDR and RTNLGRP_IPV6_IFADDR of linux/rtnetlink.h. */
const ADDRESS_GROUPS = [5, 9];

export class HostAddressWatch implements HostAddresses {
  onChange: ((addresses: ReadonlySet<string>) => void) | undefined;
  readonly #routes: RouteSocket;
  readonly #changes: NetlinkSocket;
  #addresses: ReadonlySet<string>;

  /** Of a namespace, by default the caller's; until it is disposed. Throws NetlinkError. */
  static async open(netns?: string): Promise<HostAddressWatch> {
    const where = netns === undefined ? {} : { netns };
    using stack = new DisposableStack();
    const changes = stack.use(await NetlinkSocket.open(NETLINK_ROUTE, { ...where, groups: ADDRESS_GROUPS }));
    const watch = new HostAddressWatch(stack.use(await RouteSocket.open(where)), changes);
    stack.move();
    return watch;
  }

  private constructor(routes: RouteSocket, changes: NetlinkSocket) {
    this.#routes = routes;
    this.#changes = changes;
    this.#addresses = this.#read();
    // Read again whatever is told: an address may be on two interfaces.
    changes.subscribe(() => this.#look(), { ref: false });
  }

  has(address: string): boolean {
    return this.#addresses.has(address);
  }

  [Symbol.dispose](): void {
    this.#changes[Symbol.dispose]();
    this.#routes[Symbol.dispose]();
  }

  #look(): void {
    const before = this.#addresses;
    this.#addresses = this.#read();
    const changed = this.#addresses.symmetricDifference(before);
    if (changed.size > 0) this.onChange?.(changed);
  }

  #read(): ReadonlySet<string> {
    return new Set(this.#routes.addresses().map(({ address }) => formatIp(address)));
  }
}
