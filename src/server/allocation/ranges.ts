/** The ranges of one installation: virtual addresses by family, and node ports. */
import type { Cidr } from "../../base/ip.ts";
import type { IpFamilyName } from "../../api/service/type.ts";
import { AddressRange } from "./address-range.ts";
import { PortRange } from "./port-range.ts";

export interface RangesOptions {
  /** One, or one of each family, the primary first. */
  readonly serviceCidrs: readonly Cidr[];
  readonly nodePorts: { readonly first: number; readonly last: number };
  /** In [0, 1). @default Math.random */
  readonly random?: () => number;
}

export interface ServiceRanges {
  /** The primary family first. */
  readonly ipFamilies: readonly IpFamilyName[];
  readonly addresses: ReadonlyMap<IpFamilyName, AddressRange>;
  readonly nodePorts: PortRange;
}

export function createServiceRanges(options: RangesOptions): ServiceRanges {
  const { serviceCidrs, nodePorts, random = Math.random } = options;
  const addresses = new Map<IpFamilyName, AddressRange>();
  for (const cidr of serviceCidrs)
    addresses.set(cidr.base.family === 4 ? "IPv4" : "IPv6", new AddressRange(cidr, random));
  if (addresses.size === 0 || addresses.size !== serviceCidrs.length)
    throw new RangeError("service ranges must be one range, or one of each IP family");
  return {
    ipFamilies: [...addresses.keys()],
    addresses,
    nodePorts: new PortRange(nodePorts.first, nodePorts.last, random),
  };
}
