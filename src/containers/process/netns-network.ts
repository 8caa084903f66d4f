/**
 * Pods as root: each in a network namespace of its own, joined to the node by a veth pair to a bridge.
 *
 *     pod netns "fairlead-web-1a2b3c4d"                 node netns
 *     eth0 10.244.0.5/32  ---------------- veth ------- flp0123456789 -- fairlead0 10.244.0.1/24
 *     default via 10.244.0.1, which is on the link
 *
 * A pod knows no neighbour but the gateway (its address is a /32): all it sends is routed by the node, also to a pod
 * on the same bridge. So what was translated on the way there passes the node on its way back and is translated back;
 * with the usual /24 the answer would take the short cut over the bridge and reach a client that never asked.
 */
import { createHash } from "node:crypto";
import type { Cidr, Ip } from "../../base/ip.ts";
import { cidr, cidrAddress, cidrContains, formatCidr, formatIp, ip, ipBytes } from "../../base/ip.ts";
import { formatMac } from "../../net/rtnetlink/mac.ts";
import { RouteSocket } from "../../net/rtnetlink/route-socket.ts";
import { createNetns, deleteNetns, netnsExists, netnsId } from "../../sys/netns.ts";
import { processesInNetns, signalProcess } from "../../sys/process.ts";
import { writeSysctl } from "../../sys/sysctl.ts";
import { AddressPool } from "./address-pool.ts";
import type { PodNetwork, PodPlace } from "./network.ts";

export const NETNS_POD_CIDR = "10.244.0.0/24";

export interface NetnsNetworkOptions {
  /** One range, or one of each IP family, the primary first. @default {["10.244.0.0/24"]} */
  readonly podCidrs?: readonly string[];
  /** The node's namespace, by name or path. @default {the calling thread's} */
  readonly netns?: string;
  /** @default {"fairlead0"} */
  readonly bridge?: string;
  /** What others reach the node by, the primary first. @default {the gateways of pods} */
  readonly hostIPs?: readonly string[];
}

const POD_LINK = "eth0";
const ANY = { 4: cidr("0.0.0.0/0"), 6: cidr("::/0") } as const;

/**
 * Opens the network and makes its bridge, or takes over the one that is there. Turns forwarding on in the node's
 * namespace. Throws RangeError for ranges that cannot be, NetlinkError or SystemError without the rights.
 */
export async function openNetnsNetwork(options: NetnsNetworkOptions = {}): Promise<PodNetwork> {
  const ranges = (options.podCidrs ?? [NETNS_POD_CIDR]).map((text) => cidr(text));
  if (ranges.length === 0 || ranges.length > 2 || ranges[0]!.base.family === ranges[1]?.base.family)
    throw new RangeError(
      `pods have one range, or one of each IP family, not ${ranges.map(formatCidr).join(", ")}`,
    );
  const routes = await RouteSocket.open(options.netns === undefined ? {} : { netns: options.netns });
  try {
    const network = new NetnsNetwork(routes, ranges, options);
    network.prepareNode();
    return network;
  } catch (error) {
    routes[Symbol.dispose]();
    throw error;
  }
}

class NetnsNetwork implements PodNetwork {
  readonly description: string;
  readonly hostIPs: readonly string[];
  readonly nodeNetns: string | undefined;
  readonly #routes: RouteSocket;
  readonly #bridge: string;
  readonly #pools: readonly AddressPool[];

  constructor(routes: RouteSocket, ranges: readonly Cidr[], options: NetnsNetworkOptions) {
    this.#routes = routes;
    this.#bridge = options.bridge ?? "fairlead0";
    this.nodeNetns = options.netns;
    // The first address after the network's own is the gateway's.
    this.#pools = ranges.map((range) => new AddressPool(range, 1));
    this.hostIPs = options.hostIPs ?? ranges.map((range) => formatIp(gatewayOf(range)));
    const where = options.netns === undefined ? "" : ` in ${options.netns}`;
    this.description = `namespaces on bridge ${this.#bridge}${where}, ${ranges.map(formatCidr).join(", ")}`;
  }

  /**
   * Duplicate detection keeps the bridge's link-local address unusable for two seconds, in which the node could not
   * ask for a pod's neighbour entry; nobody else is on the bridge to have the same address.
   */
  prepareNode(): void {
    const existing = this.#routes.link(this.#bridge);
    if (existing === undefined) this.#routes.createLink({ kind: "bridge", name: this.#bridge });
    else if (existing.kind !== "bridge")
      throw new Error(`the interface ${this.#bridge} is there and is no bridge: name another one for pods`);
    // A bridge whose address nobody set takes the least of its ports': it changed as pods came and went, and the others
    // sent to the old one until their neighbour entries were found to be wrong, half a minute later.
    const address = existing?.address ?? podMac(gatewayOf(this.#pools[0]!.range));
    this.#routes.setLink(this.#bridge, { address });
    for (const { range } of this.#pools) {
      this.#routes.addAddress(this.#bridge, gatewayOf(range), range.length);
      if (range.base.family === 6) writeSysctl(`net/ipv6/conf/${this.#bridge}/accept_dad`, 0, this.nodeNetns);
      const forwarding = range.base.family === 4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
      writeSysctl(forwarding, 1, this.nodeNetns);
    }
    // Packets from pod to pod leave by the interface they came in by; nobody needs to be told of a better way.
    writeSysctl(`net/ipv4/conf/${this.#bridge}/send_redirects`, 0, this.nodeNetns);
    this.#routes.setLink(this.#bridge, { up: true });
    // A namespace that was just made has its loopback down, and then it cannot reach its own addresses.
    this.#routes.setLink("lo", { up: true });
  }

  reserve(pod: { readonly uid: string; readonly name: string }): PodPlace | undefined {
    const addresses: Ip[] = [];
    for (const pool of this.#pools) {
      const address = pool.allocate();
      if (address === undefined) {
        this.#release(addresses);
        return undefined;
      }
      addresses.push(address);
    }
    return {
      addresses: addresses.map(formatIp),
      netns: `fairlead-${pod.name.slice(0, 200)}-${pod.uid.slice(0, 8)}`,
    };
  }

  restore(place: PodPlace): boolean {
    const addresses = place.addresses.map((text) => ip(text));
    if (place.netns === undefined || addresses.length !== this.#pools.length) return false;
    const taken = addresses.filter((address, i) => this.#pools[i]!.take(address));
    if (taken.length === addresses.length) return true;
    this.#release(taken);
    return false;
  }

  async attach(uid: string, place: PodPlace): Promise<void> {
    const netns = place.netns!;
    const port = portName(uid);
    removeNamespace(netns);
    if (this.#routes.link(port) !== undefined) this.#routes.deleteLink(port);
    createNetns(netns);
    const bridge = this.#routes.linkIndex(this.#bridge);
    const peer = { name: POD_LINK, address: podMac(ip(place.addresses[0]!)) };
    this.#routes.createVeth({ name: port, master: bridge, up: true }, peer, netns);
    this.#routes.setLink(port, { alias: netns, bridgePort: { hairpin: true } });
    using inside = await RouteSocket.open({ netns });
    inside.setLink("lo", { up: true });
    // The node is the only way: a router's hint at another one would be the short cut that must not be taken.
    for (const { range } of this.#pools)
      for (const scope of ["all", "default", POD_LINK])
        writeSysctl(`net/ipv${range.base.family}/conf/${scope}/accept_redirects`, 0, netns);
    inside.setLink(POD_LINK, { up: true });
    const link = inside.linkIndex(POD_LINK);
    for (const address of place.addresses.map((text) => ip(text))) {
      const bits = address.family === 4 ? 32 : 128;
      const gateway = gatewayOf(this.#pools.find(({ range }) => cidrContains(range, address))!.range);
      inside.addAddress(link, address, bits);
      inside.addRoute({ destination: { base: gateway, length: bits }, link });
      inside.addRoute({ destination: ANY[address.family], gateway, link, source: address });
    }
  }

  isAttached(place: PodPlace): boolean {
    return netnsExists(place.netns!);
  }

  /** The pair of interfaces goes with the namespace, in a kernel worker: taking it away ourselves blocks for 20 ms. */
  detach(_uid: string, place: PodPlace): void {
    removeNamespace(place.netns!);
  }

  release(place: PodPlace): void {
    this.#release(place.addresses.map((text) => ip(text)));
  }

  cleanup(): void {
    if (this.#routes.link(this.#bridge) !== undefined) this.#routes.deleteLink(this.#bridge);
  }

  [Symbol.dispose](): void {
    this.#routes[Symbol.dispose]();
  }

  #release(addresses: readonly Ip[]): void {
    for (const address of addresses)
      this.#pools.find(({ range }) => cidrContains(range, address))?.release(address);
  }
}

function gatewayOf(range: Cidr): Ip {
  return cidrAddress(range, 1);
}

/** The bridge port of a pod: at most 15 characters, so a digest of its uid. */
function portName(uid: string): string {
  return `flp${createHash("sha256").update(uid).digest("hex").slice(0, 12)}`;
}

/** Ends what runs in a pod's namespace and takes it away. Nothing happens if there is none. */
function removeNamespace(netns: string): void {
  if (!netnsExists(netns)) return;
  for (const pid of processesInNetns(netnsId(netns))) signalProcess(pid, "SIGKILL");
  deleteNetns(netns);
}

/**
 * A locally administered address made of the IP address, so that the node's neighbour entry of an address is still
 * right when the address has a new owner.
 */
function podMac(address: Ip): string {
  return formatMac(Uint8Array.of(0x0a, 0x58, ...ipBytes(address).slice(-4)));
}
