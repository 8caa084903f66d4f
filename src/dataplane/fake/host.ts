/** The host around the rules: its interfaces, addresses and routes, and the decisions that they make. */
import type { Cidr, Ip } from "../../base/ip.ts";
import { cidr, cidrContains, formatIp, ip, parseIp } from "../../base/ip.ts";
import type { LoopbackSetting } from "../nftables/loopback-routing.ts";

export interface HostInterface {
  readonly name: string;
  /** With prefix lengths: "10.1.1.1/24". The first of a family is the primary one. */
  readonly addresses: readonly string[];
  /** net.ipv4.conf.*.route_localnet: packets with an address of 127.0.0.0/8 may come in and go out here. @default {false} */
  readonly routeLocalnet?: boolean;
}

export interface HostRoute {
  /** A range, "0.0.0.0/0" for the default route. */
  readonly to: string;
  readonly oif: string;
}

export interface HostOptions {
  /** Without lo, which is always there. */
  readonly interfaces: readonly HostInterface[];
  /** More than those that the interfaces' prefixes give. The longest prefix wins. */
  readonly routes?: readonly HostRoute[];
}

interface InterfaceAddress {
  readonly oif: string;
  readonly address: Ip;
  readonly prefix: Cidr;
}

const LOOPBACK_ADDRESS = "127.0.0.1";
const LOOPBACK = { 4: cidr("127.0.0.0/8"), 6: cidr("::1/128") } as const;
const LINK_LOCAL = cidr("fe80::/10");
const MULTICAST = { 4: cidr("224.0.0.0/4"), 6: cidr("ff00::/8") } as const;
const THIS_NETWORK = cidr("0.0.0.0/8");
const EVERYBODY = "255.255.255.255";

/** RTN_* of linux/rtnetlink.h, as `fib ... type` tells them. */
export const ADDRESS_TYPE = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  unreachable: 7,
} as const;
export type AddressType = keyof typeof ADDRESS_TYPE;

/** Where a packet goes: to the host itself, out of an interface, or nowhere. */
export type RouteDecision =
  | { readonly kind: "local" | "forward"; readonly oif: string }
  | { readonly kind: "none" };

export class Host {
  readonly #names: readonly string[];
  readonly #addresses: readonly InterfaceAddress[];
  readonly #local: ReadonlySet<string>;
  readonly #routesLocalnet: ReadonlySet<string>;
  #routesLocalnetEverywhere = false;
  /** net.ipv4.conf.all.route_localnet: as if every interface had it. */
  readonly loopback: LoopbackSetting = {
    isOn: () => this.#routesLocalnetEverywhere,
    turn: (on) => void (this.#routesLocalnetEverywhere = on),
  };
  /** Longest prefix first. */
  readonly #routes: readonly { readonly to: Cidr; readonly oif: string }[];

  constructor(options: HostOptions) {
    this.#names = ["lo", ...options.interfaces.map(({ name }) => name)];
    this.#addresses = options.interfaces.flatMap(({ name, addresses }) =>
      addresses.map((text) => interfaceAddress(name, text)),
    );
    this.#local = new Set(this.#addresses.map(({ address }) => formatIp(address)));
    const routing = options.interfaces.filter(({ routeLocalnet }) => routeLocalnet === true);
    this.#routesLocalnet = new Set(routing.map(({ name }) => name));
    const given = (options.routes ?? []).map((route) => ({ to: cidr(route.to), oif: route.oif }));
    const connected = this.#addresses.map(({ prefix, oif }) => ({ to: prefix, oif }));
    this.#routes = [...given, ...connected].sort((a, b) => b.to.length - a.to.length);
  }

  /** 1 is lo. Throws RangeError for an interface that the host does not have. */
  interfaceIndex(name: string): number {
    const index = this.#names.indexOf(name);
    if (index < 0) throw new RangeError(`the host has no interface ${JSON.stringify(name)}`);
    return index + 1;
  }

  isLocal(address: string): boolean {
    return this.#local.has(address) || isLoopback(address);
  }

  /** `iif`: for packets of the network. */
  route(destination: string, iif?: string): RouteDecision {
    const address = ip(destination);
    // rt6_need_strict: a packet to ::1, which only translation makes of one of the network, stays on its interface.
    const strict = iif !== undefined && address.family === 6 && isLoopback(destination) ? iif : undefined;
    if (strict === undefined && this.isLocal(destination)) return { kind: "local", oif: "lo" };
    const route = this.#routes.find(
      ({ to, oif }) => cidrContains(to, address) && (strict === undefined || oif === strict),
    );
    return route === undefined ? { kind: "none" } : { kind: "forward", oif: route.oif };
  }

  /**
   * What kind of address it is, asked of the whole host or of one interface: inet_dev_addr_type, and for IPv6
   * __nft_fib6_eval_type of nft_fib_ipv6.c.
   */
  addressType(address: string, oif?: string): AddressType {
    const asked = ip(address);
    if (cidrContains(MULTICAST[asked.family], asked)) return "multicast";
    const isHere = (where: string): boolean => oif === undefined || oif === where;
    if (this.#owner(address).some(isHere)) return "local";
    if (asked.family === 4) {
      if (cidrContains(THIS_NETWORK, asked) || address === EVERYBODY) return "broadcast";
      const broadcast = this.#broadcastInterface(asked);
      return broadcast !== undefined && isHere(broadcast) ? "broadcast" : "unicast";
    }
    if (this.isLocal(address)) return "unicast";
    const route = this.#routes.find(({ to }) => cidrContains(to, asked));
    if (route === undefined) return "unreachable";
    // RFC 4291, section 2.6.1: the first address of a network is any of its routers.
    return route.to.length < 127 && route.to.base.value === asked.value ? "anycast" : "unicast";
  }

  /** `fib ... oif`: the interface that leads to an address of somebody else. */
  interfaceTo(address: string): string | undefined {
    const asked = ip(address);
    if (asked.family === 4) return this.#broadcastInterface(asked) ?? this.#forwardInterface(address);
    return this.addressType(address) === "unicast" ? this.#forwardInterface(address) : undefined;
  }

  #forwardInterface(address: string): string | undefined {
    const route = this.route(address);
    return route.kind === "forward" ? route.oif : undefined;
  }

  /** The interfaces that have the address. */
  #owner(address: string): string[] {
    if (isLoopback(address)) return ["lo"];
    const value = ip(address);
    return this.#addresses
      .filter((one) => one.address.family === value.family && one.address.value === value.value)
      .map(({ oif }) => oif);
  }

  /** Where the address is the last one of a network: fib_add_ifaddr. */
  #broadcastInterface(address: Ip): string | undefined {
    if (address.family === 6) return undefined;
    const isLast = ({ prefix }: InterfaceAddress): boolean =>
      prefix.base.family === 4 &&
      prefix.length < 31 &&
      prefix.base.value + (1n << BigInt(32 - prefix.length)) - 1n === address.value;
    return this.#addresses.find(isLast)?.oif;
  }

  /**
   * Why the kernel does not let a packet of the network in, if it does not: fib_validate_source (only IPv4 refuses
   * what seems to come from the host itself), and ip_route_input_slow (IPv4's loopback addresses off loopback).
   */
  martian(source: string, destination: string, iif: string): string | undefined {
    if (source.includes(":")) return undefined;
    const isLoop = isLoopback(destination) || isLoopback(source);
    if (isLoop && !this.#letsLoopback(iif)) return "a loopback address on another interface";
    return this.#local.has(source) || source === LOOPBACK_ADDRESS
      ? "the source address is the host's own"
      : undefined;
  }

  /** ip6_rcv_core: before any hook, and so before any translation. IPv4's are judged after prerouting. */
  isStray(source: string, destination: string): boolean {
    return source.includes(":") && (isLoopback(source) || isLoopback(destination));
  }

  /** Whether routing does not let `source` out of `oif`: __mkroute_output, which IPv6 has no like of. */
  isStuck(source: string, oif: string): boolean {
    return !source.includes(":") && isLoopback(source) && !this.#letsLoopback(oif);
  }

  #letsLoopback(through: string): boolean {
    return this.#routesLocalnetEverywhere || this.#routesLocalnet.has(through);
  }

  /**
   * The address that masquerade gives to what leaves through `oif`: inet_select_addr for IPv4; for IPv6 rules 1, 5
   * and 8 of RFC 6724, section 5. Undefined if the host has none.
   */
  masqueradeAddress(oif: string, destination: string): string | undefined {
    const to = ip(destination);
    const candidates = this.#addresses.filter(
      ({ address }) => address.family === to.family && !cidrContains(LINK_LOCAL, address),
    );
    if (to.family === 6) {
      if (isLoopback(destination)) return destination;
      const same = candidates.find(({ address }) => address.value === to.value);
      if (same !== undefined) return formatIp(same.address);
      const score = (candidate: InterfaceAddress): number =>
        (candidate.oif === oif ? 1000 : 0) + commonBits(candidate, to);
      const best = candidates.reduce<InterfaceAddress | undefined>(
        (best, next) => (best === undefined || score(next) > score(best) ? next : best),
        undefined,
      );
      return best === undefined ? undefined : formatIp(best.address);
    }
    const onInterface = candidates.filter((candidate) => candidate.oif === oif);
    const chosen =
      onInterface.find(({ prefix }) => cidrContains(prefix, to)) ?? onInterface[0] ?? candidates[0];
    return chosen === undefined ? undefined : formatIp(chosen.address);
  }
}

export function isLoopback(address: string): boolean {
  const parsed = ip(address);
  return cidrContains(LOOPBACK[parsed.family], parsed);
}

function interfaceAddress(oif: string, text: string): InterfaceAddress {
  const [address = "", length = ""] = text.split("/");
  const parsed = parseIp(address);
  if (parsed === undefined || !/^\d+$/.test(length))
    throw new RangeError(`not an interface address like 10.1.1.1/24: ${JSON.stringify(text)}`);
  const bits = BigInt((parsed.family === 4 ? 32 : 128) - Number(length));
  const base = { family: parsed.family, value: (parsed.value >> bits) << bits };
  return { oif, address: parsed, prefix: { base, length: Number(length) } };
}

/** Length of the common prefix, as far as the candidate's own prefix goes (RFC 6724, section 2.2). */
function commonBits({ address, prefix }: InterfaceAddress, to: Ip): number {
  const difference = address.value ^ to.value;
  const common = 128 - (difference === 0n ? 0 : difference.toString(2).length);
  return Math.min(common, prefix.length);
}
