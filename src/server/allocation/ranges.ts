/** What an installation gives out to Services: virtual addresses by family, and node ports. */
import type { Cidr } from "../../base/ip.ts";
import { parseSloppyIp } from "../../base/sloppy-ip.ts";
import type { IpFamilyName } from "../../api/service/type.ts";
import { AddressSpace } from "./address-space.ts";
import { PortSpace } from "./port-space.ts";

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
  /** The primary family first. Only Services of these families are served. */
  readonly ipFamilies: readonly IpFamilyName[];
  readonly addresses: ReadonlyMap<IpFamilyName, AddressSpace>;
  readonly nodePorts: PortSpace;
}

/** Throws RangeError if there is not one range, or one of each family. Nothing can be taken before the store is read. */
export function createServiceRanges(options: RangesOptions): ServiceRanges {
  const { serviceCidrs, nodePorts, random = Math.random } = options;
  const addresses = new Map<IpFamilyName, AddressSpace>();
  for (const { base } of serviceCidrs)
    addresses.set(base.family === 4 ? "IPv4" : "IPv6", new AddressSpace(base.family, random));
  if (addresses.size === 0 || addresses.size !== serviceCidrs.length)
    throw new RangeError("service ranges must be one range, or one of each IP family");
  return {
    serviceCidrs,
    ipFamilies: [...addresses.keys()],
    addresses,
    nodePorts: new PortSpace(nodePorts.first, nodePorts.last, random),
  };
}

/** The space that an address belongs to, and its number there; undefined for text that is no address of a family served. */
export function placeOfAddress(
  ranges: ServiceRanges,
  text: string,
): { readonly space: AddressSpace; readonly address: bigint } | undefined {
  const parsed = parseSloppyIp(text);
  const space = parsed === undefined ? undefined : ranges.addresses.get(`IPv${parsed.family}`);
  return parsed === undefined || space === undefined ? undefined : { space, address: parsed.value };
}
