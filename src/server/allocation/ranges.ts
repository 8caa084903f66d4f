/** What an installation gives out to Services: virtual addresses by family, and node ports. */
import { type Cidr, cidrContains, type Ip } from "../../base/ip.ts";
import { parseSloppyIp } from "../../base/sloppy-ip.ts";
import type { IpFamilyName } from "../../api/service/type.ts";
import { AddressSpace } from "./address-space.ts";
import { HeldAddresses } from "./held-addresses.ts";
import { NetworkPools } from "./network-pools.ts";
import { PortSpace } from "./port-space.ts";
import { Subnets } from "./subnets.ts";

export interface RangesOptions {
  /** One, or one of each family, the primary first: the ranges of the ServiceCIDR `kubernetes`. */
  readonly serviceCidrs: readonly Cidr[];
  readonly nodePorts: { readonly first: number; readonly last: number };
  /** In [0, 1). @default Math.random */
  readonly random?: () => number;
}

export interface ServiceRanges {
  /** As in the options. */
  readonly serviceCidrs: readonly Cidr[];
  /** The primary family first. Only Services of these families are served, but for those of a Network. */
  readonly ipFamilies: readonly IpFamilyName[];
  /** Of both families: Networks may have a family that the ServiceCIDRs have not. */
  readonly addresses: ReadonlyMap<IpFamilyName, AddressSpace>;
  readonly nodePorts: PortSpace;
  readonly networks: NetworkPools;
  /** The addresses of machines, by the name of the Node: no Service's. */
  readonly nodes: HeldAddresses;
  /** Whose each subnet is. */
  readonly subnets: Subnets;
}

/** Throws RangeError if there is not one range, or one of each family. Nothing can be taken before the store is read. */
export function createServiceRanges(options: RangesOptions): ServiceRanges {
  const { serviceCidrs, nodePorts, random = Math.random } = options;
  const ipFamilies = new Set(serviceCidrs.map(({ base }): IpFamilyName => `IPv${base.family}`));
  if (ipFamilies.size === 0 || ipFamilies.size !== serviceCidrs.length)
    throw new RangeError("service ranges must be one range, or one of each IP family");
  const nodes = new HeldAddresses();
  const addresses = new Map<IpFamilyName, AddressSpace>([
    ["IPv4", new AddressSpace(4, random, nodes)],
    ["IPv6", new AddressSpace(6, random, nodes)],
  ]);
  return {
    serviceCidrs,
    ipFamilies: [...ipFamilies],
    addresses,
    nodePorts: new PortSpace(nodePorts.first, nodePorts.last, random),
    networks: new NetworkPools(addresses, nodes),
    nodes,
    subnets: new Subnets(),
  };
}

/** Whether an address is of a ServiceCIDR or a Network. */
export function isInRange({ addresses, networks }: ServiceRanges, ip: Ip): boolean {
  const known = addresses.get(`IPv${ip.family}`)!.ranges;
  return known.some(({ cidr }) => cidrContains(cidr, ip)) || networks.at(ip) !== undefined;
}

/** The space that an address belongs to, and its number there; undefined for text that is no address. */
export function placeOfAddress(
  ranges: ServiceRanges,
  text: string,
): { readonly space: AddressSpace; readonly address: bigint } | undefined {
  const parsed = parseSloppyIp(text);
  const space = parsed === undefined ? undefined : ranges.addresses.get(`IPv${parsed.family}`);
  return parsed === undefined || space === undefined ? undefined : { space, address: parsed.value };
}
