/**
 * What each address of a Network is for: the gateway's, the DNS's, the containers', the Services'. Pure arithmetic on
 * the spec; nothing here grows with the size of a subnet.
 */
import { type AddressRun, runOfCidr, runsWithout } from "../../base/address-runs.ts";
import {
  type Cidr,
  cidrContains,
  cidrSize,
  type Ip,
  type IpFamily,
  parseCidr,
  parseIp,
} from "../../base/ip.ts";
import { networkType } from "./defaults.ts";
import type { NetworkSpec } from "./type.ts";

/** One IP family of a Network. No address has two uses. */
export interface NetworkAddresses {
  readonly family: IpFamily;
  readonly subnet: Cidr;
  /** What the engine's bridge has, or what was given. Absent only where the type is Infra and none was given. */
  readonly gateway?: Ip;
  /** Where the DNS answers on the network. Absent where the type is Infra or the subnet has less than 16 addresses. */
  readonly dns?: Ip;
  /** What containers draw from (Docker's IPRange); may hold the gateway. Absent where the type is Infra. */
  readonly containers?: Cidr;
  /** What Services draw from without asking for one: ascending and disjoint, without gateway and DNS. May be empty. */
  readonly services: readonly AddressRun[];
  /** All that may be given out at all: the range, or the subnet without its network's own and broadcast address. */
  readonly usable: AddressRun;
}

/** A subnet with fewer addresses has none to spare for the DNS. */
const SMALLEST_WITH_DNS = 16n;

/** The families of a Network, IPv4 first. What the spec has in wrong syntax, which validation refuses, is left out. */
export function networkAddresses(spec: NetworkSpec): readonly NetworkAddresses[] {
  const isData = networkType(spec) === "Data";
  const families: NetworkAddresses[] = [];
  for (const [text, gateway, range] of [
    [spec.subnet, spec.gateway, spec.range],
    [spec.ipv6Subnet, spec.ipv6Gateway, undefined],
  ]) {
    const subnet = parseCidr(text ?? "");
    if (subnet === undefined) continue;
    const given = parseIp(gateway ?? "");
    families.push(familyAddresses(subnet, given, parseRange(range ?? ""), isData));
  }
  return families;
}

/** Both ends of "10.1.1.10-10.1.1.20", or undefined if the text is not two addresses of one family. */
export function parseRange(text: string): { readonly first: Ip; readonly last: Ip } | undefined {
  const dash = text.indexOf("-");
  const first = dash < 0 ? undefined : parseIp(text.slice(0, dash));
  const last = dash < 0 ? undefined : parseIp(text.slice(dash + 1));
  return first === undefined || first.family !== last?.family ? undefined : { first, last };
}

/**
 * The addresses of a subnet that a host can have: all but the first, and IPv4's last (RFC 919; IPv6 has no broadcast,
 * but its first address is every router's, RFC 4291 section 2.6.1). With two addresses or one, all (RFC 3021, RFC 6164).
 */
export function hostAddresses(subnet: Cidr): AddressRun {
  const first = subnet.base.value;
  const last = first + cidrSize(subnet) - 1n;
  if (last - first < 2n) return { first, last };
  return { first: first + 1n, last: subnet.base.family === 4 ? last - 1n : last };
}

/** Whether the address may be a Service's that asks for it: not the gateway's, not the DNS's, and not outside. */
export function isUsable({ family, usable, gateway, dns }: NetworkAddresses, address: Ip): boolean {
  return (
    address.family === family &&
    address.value >= usable.first &&
    address.value <= usable.last &&
    address.value !== gateway?.value &&
    address.value !== dns?.value
  );
}

/** Whether containers of the Network draw this address. */
export function isForContainers({ containers }: NetworkAddresses, address: Ip): boolean {
  return containers !== undefined && cidrContains(containers, address);
}

function familyAddresses(
  subnet: Cidr,
  given: Ip | undefined,
  range: ReturnType<typeof parseRange>,
  isData: boolean,
): NetworkAddresses {
  const { family, value: base } = subnet.base;
  const at = (offset: bigint): Ip => ({ family, value: base + offset });
  const hosts = hostAddresses(subnet);
  const usable =
    range === undefined
      ? hosts
      : { first: larger(range.first.value, hosts.first), last: smaller(range.last.value, hosts.last) };
  if (!isData)
    return {
      family,
      subnet,
      ...(given !== undefined && { gateway: given }),
      services: runsWithout(usable, given === undefined ? [] : [runOfOne(given)]),
      usable,
    };
  // The engine gives its bridge the first address.
  const gateway = given ?? at(1n);
  // The second address, as clouds have it; the first where the gateway has the second.
  const dns =
    cidrSize(subnet) < SMALLEST_WITH_DNS ? undefined : gateway.value === base + 2n ? at(1n) : at(2n);
  const containers =
    range === undefined
      ? upperHalf(subnet)
      : largestWithin(upperRun(range.first.value, range.last.value), family);
  const taken = [runOfCidr(containers), runOfOne(gateway), ...(dns === undefined ? [] : [runOfOne(dns)])];
  const services = runsWithout(usable, taken);
  return { family, subnet, gateway, ...(dns !== undefined && { dns }), containers, services, usable };
}

function upperHalf({ base, length }: Cidr): Cidr {
  const half = cidrSize({ base, length }) / 2n;
  // A single address has no halves.
  if (half === 0n) return { base, length };
  return { base: { family: base.family, value: base.value + half }, length: length + 1 };
}

/** With an odd number the upper half is the larger: a single address is the containers'. */
function upperRun(first: bigint, last: bigint): AddressRun {
  return { first: first + (last - first + 1n) / 2n, last };
}

/** The largest CIDR within the run; of several of one size the last, the farthest from what Services draw. */
function largestWithin({ first, last }: AddressRun, family: IpFamily): Cidr {
  const bits = family === 4 ? 32 : 128;
  for (let length = 0; ; length++) {
    const size = 1n << BigInt(bits - length);
    const start = ((last + 1n) / size - 1n) * size;
    if (start >= first) return { base: { family, value: start }, length };
  }
}

function runOfOne({ value }: Ip): AddressRun {
  return { first: value, last: value };
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
