/** The host around the rules: its interfaces, addresses and routes, and the decisions that they make. */
import type { Cidr, Ip } from "../../base/ip.ts";
import { cidr, cidrContains, formatIp, ip, parseIp } from "../../base/ip.ts";

export interface HostInterface {
  readonly name: string;
  /** With prefix lengths: "10.1.1.1/24". The first of a family is the primary one. */
  readonly addresses: readonly string[];
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

const LOOPBACK = { 4: cidr("127.0.0.0/8"), 6: cidr("::1/128") } as const;
const LINK_LOCAL = cidr("fe80::/10");

/** Where a packet goes: to the host itself, out of an interface, or nowhere. */
export type RouteDecision =
  | { readonly kind: "local" | "forward"; readonly oif: string }
  | { readonly kind: "none" };

export class Host {
  readonly #names: readonly string[];
  readonly #addresses: readonly InterfaceAddress[];
  readonly #local: ReadonlySet<string>;
  /** Longest prefix first. */
  readonly #routes: readonly { readonly to: Cidr; readonly oif: string }[];

  constructor(options: HostOptions) {
    this.#names = ["lo", ...options.interfaces.map(({ name }) => name)];
    this.#addresses = options.interfaces.flatMap(({ name, addresses }) =>
      addresses.map((text) => interfaceAddress(name, text)),
    );
    this.#local = new Set(this.#addresses.map(({ address }) => formatIp(address)));
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

  route(destination: string): RouteDecision {
    if (this.isLocal(destination)) return { kind: "local", oif: "lo" };
    const address = ip(destination);
    const route = this.#routes.find(({ to }) => cidrContains(to, address));
    return route === undefined ? { kind: "none" } : { kind: "forward", oif: route.oif };
  }

  /**
   * Why the kernel does not let a packet of the network in, if it does not: fib_validate_source (only IPv4 refuses
   * what seems to come from the host itself), ipv6_rcv and ip_route_input_slow (loopback addresses off loopback).
   */
  martian(source: string, destination: string): string | undefined {
    if (isLoopback(destination) || isLoopback(source)) return "a loopback address on another interface";
    const isIpv4 = !source.includes(":");
    return isIpv4 && this.isLocal(source) ? "the source address is the host's own" : undefined;
  }

  /** Whether routing lets `source` out of no interface but lo: __mkroute_output, which IPv6 has no like of. */
  isStuck(source: string): boolean {
    return !source.includes(":") && isLoopback(source);
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
