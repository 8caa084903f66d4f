/** The engine's network that a Network wants, and what differs between it and one that was found. Pure. */
import { isForContainers, type NetworkAddresses } from "../../api/network/addresses.ts";
import { dns1123LabelComplaints, dns1123SubdomainComplaints } from "../../api/validation/names.ts";
import {
  canonicalCidr,
  type Cidr,
  cidrContains,
  cidrsOverlap,
  formatCidr,
  formatIp,
  parseCidr,
  parseIp,
} from "../../base/ip.ts";
import { canonicalAddress } from "../../base/sloppy-ip.ts";
import type { IpamConfig, NetworkCreate, NetworkSummary } from "./engine-types.ts";
import { INSTALLATION_LABEL, NETWORK_LABEL } from "./marks.ts";

/** Which Network. */
export interface NetworkKey {
  readonly namespace: string;
  readonly name: string;
}

/**
 * The Network that an engine's network was made for, as its labels say; undefined: for none of this installation.
 * Without `installation`, of whichever.
 */
export function labelledNetwork(
  { Labels }: Pick<NetworkSummary, "Labels">,
  installation?: string,
): NetworkKey | undefined {
  if (installation !== undefined && Labels?.[INSTALLATION_LABEL] !== installation) return undefined;
  const [namespace = "", name = "", ...rest] = (Labels?.[NETWORK_LABEL] ?? "").split("/");
  const complaints = [...dns1123LabelComplaints(namespace), ...dns1123SubdomainComplaints(name)];
  return rest.length > 0 || complaints.length > 0 ? undefined : { namespace, name };
}

/** The most addresses that an engine can number, as bits of the host's part: 2^64 (libnetwork's ipam in Docker 20.10). */
const MOST_HOST_BITS = 64;

/** Why the engine cannot give containers addresses of this subnet, for people; undefined: it can. */
export function subnetComplaint({ family, subnet }: NetworkAddresses): string | undefined {
  if (family === 4 || subnet.length >= 128 - MOST_HOST_BITS) return undefined;
  return `the engine gives out no more than the first 2^64 addresses of ${formatCidr(subnet)}, which are not its containers': make it a /64`;
}

/**
 * Where the engine is to draw from. Docker 20.10 finds no address in a range that ends where a /64 does ("invalid bit
 * range"): there it gets the first half of the containers' part.
 */
function engineRange(subnet: Cidr, containers: Cidr): Cidr {
  const isWholeEnd = subnet.base.family === 6 && subnet.length <= 128 - MOST_HOST_BITS;
  return isWholeEnd ? { base: containers.base, length: containers.length + 1 } : containers;
}

/** Names that `docker run --net` takes for something else. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(["bridge", "container", "default", "host", "none"]);

/** Why no network of the engine can have this name, for people; undefined: it can. */
export function nameComplaint(name: string): string | undefined {
  if (!RESERVED_NAMES.has(name)) return undefined;
  return `${name} is no name for a network of the engine: docker run --net=${name} means something else`;
}

/**
 * What POST /networks/create is to be asked for by an installation. `name` is the engine's; `vips` are the virtual addresses of the
 * Network's Services, of which those that containers draw are kept from them.
 */
export function wantedNetwork(
  key: NetworkKey,
  name: string,
  families: readonly NetworkAddresses[],
  vips: readonly string[],
  installation: string,
): NetworkCreate {
  const hasFamily = (wanted: 4 | 6): boolean => families.some(({ family }) => family === wanted);
  return {
    Name: name,
    CheckDuplicate: true,
    Driver: "bridge",
    EnableIPv6: hasFamily(6),
    ...(!hasFamily(4) && { EnableIPv4: false }),
    IPAM: { Driver: "default", Config: families.map((family) => ipamConfig(family, vips)) },
    Labels: { [NETWORK_LABEL]: `${key.namespace}/${key.name}`, [INSTALLATION_LABEL]: installation },
  };
}

function ipamConfig(addresses: NetworkAddresses, vips: readonly string[]): IpamConfig {
  const { subnet, containers, gateway, dns } = addresses;
  const reserved = vips
    .map(parseIp)
    .filter((vip) => vip !== undefined && isForContainers(addresses, vip))
    .map((vip) => formatIp(vip!))
    .sort();
  // The engine wants a name for each.
  const named = [
    ...(dns === undefined ? [] : [["dns", formatIp(dns)]]),
    ...[...new Set(reserved)].map((address) => [`service-${address}`, address]),
  ];
  return {
    Subnet: formatCidr(subnet),
    ...(containers !== undefined && { IPRange: formatCidr(engineRange(subnet, containers)) }),
    ...(gateway !== undefined && { Gateway: formatIp(gateway) }),
    ...(named.length > 0 && { AuxiliaryAddresses: Object.fromEntries(named) as Record<string, string> }),
  };
}

export interface Differences {
  /** What is otherwise than wanted, for people: "the subnet is 10.1.1.0/24, not 10.2.0.0/24". Empty: it is the network. */
  readonly other: readonly string[];
  /** Addresses that a container could be given and must not be. */
  readonly unreserved: readonly string[];
}

/**
 * Compares what matters to those on the network. What is reserved beyond what is wanted is no difference: a few
 * addresses that no container gets are not worth making the network anew.
 */
export function differences(found: NetworkSummary, wanted: NetworkCreate): Differences {
  const other: string[] = [];
  const unreserved: string[] = [];
  const compare = (what: string, is: unknown, want: unknown): void => {
    if (is !== want) other.push(`${what} is ${String(is)}, not ${String(want)}`);
  };
  compare("the driver", found.Driver, wanted.Driver);
  // Engines that cannot do without IPv4 have a subnet of their own choice besides.
  const configs = (found.IPAM?.Config ?? []).filter(
    ({ Subnet = "" }) => wanted.EnableIPv4 !== false || Subnet.includes(":"),
  );
  for (const want of wanted.IPAM.Config) {
    const is = configs.find(({ Subnet = "" }) => sameRange(Subnet, want.Subnet!));
    if (is === undefined) other.push(`it has no subnet ${want.Subnet}`);
    else {
      if (want.Gateway !== undefined && is.Gateway !== undefined && is.Gateway !== "")
        compare(
          `the gateway of ${want.Subnet}`,
          canonicalAddress(is.Gateway),
          canonicalAddress(want.Gateway),
        );
      compare(
        `the containers' part of ${want.Subnet}`,
        canonicalCidr(is.IPRange || is.Subnet!),
        canonicalCidr(want.IPRange ?? want.Subnet!),
      );
      unreserved.push(...notReserved(is, Object.values(want.AuxiliaryAddresses ?? {})));
    }
  }
  for (const { Subnet = "" } of configs)
    if (!wanted.IPAM.Config.some((want) => sameRange(Subnet, want.Subnet!)))
      other.push(`it has the subnet ${Subnet}`);
  return { other, unreserved };
}

function notReserved(config: IpamConfig, addresses: readonly string[]): string[] {
  const range = parseCidr(config.IPRange || config.Subnet!);
  const reserved = new Set(
    [config.Gateway ?? "", ...Object.values(config.AuxiliaryAddresses ?? {})].map(canonicalAddress),
  );
  return addresses.filter((address) => {
    const parsed = parseIp(address);
    return (
      parsed !== undefined &&
      range !== undefined &&
      cidrContains(range, parsed) &&
      !reserved.has(canonicalAddress(address))
    );
  });
}

/** Whether a network that somebody made by hand can be used as it is: a bridge with the same subnets. */
export function hasSameSubnets(found: NetworkSummary, wanted: NetworkCreate): boolean {
  const configs = found.IPAM?.Config ?? [];
  return (
    found.Driver === "bridge" &&
    configs.length === wanted.IPAM.Config.length &&
    wanted.IPAM.Config.every((want) => configs.some(({ Subnet = "" }) => sameRange(Subnet, want.Subnet!)))
  );
}

/** The networks of the engine that share addresses with the wanted one: "bridge (172.17.0.0/16)". */
export function overlapping(networks: readonly NetworkSummary[], wanted: NetworkCreate): string[] {
  const ours = wanted.IPAM.Config.map(({ Subnet }) => parseCidr(Subnet!)).filter(
    (range) => range !== undefined,
  );
  return networks.flatMap(({ Name, IPAM }) =>
    (IPAM?.Config ?? [])
      .filter(({ Subnet = "" }) => {
        const range: Cidr | undefined = parseCidr(Subnet);
        return range !== undefined && ours.some((one) => cidrsOverlap(one, range));
      })
      .map(({ Subnet }) => `${Name} (${Subnet})`),
  );
}

/**
 * As {@link overlapping}, of bridges alone. Docker 20.10 looks for none where a network has a range for containers, as ours
 * do (libnetwork's ipam: "If master pool, check for overlap"), and its bridge driver then passes over its default bridge.
 */
export function overlappingBridges(networks: readonly NetworkSummary[], wanted: NetworkCreate): string[] {
  return overlapping(
    networks.filter(({ Driver }) => Driver === "bridge"),
    wanted,
  );
}

/** Which of the addresses, as text, are of the wanted one's subnets. */
export function within(addresses: readonly string[], wanted: NetworkCreate): string[] {
  const ours = wanted.IPAM.Config.map(({ Subnet }) => parseCidr(Subnet!)).filter(
    (range) => range !== undefined,
  );
  return addresses.filter((text) => {
    const address = parseIp(text);
    return address !== undefined && ours.some((range) => cidrContains(range, address));
  });
}

/** Engines write IPv6 in several ways. */
function sameRange(a: string, b: string): boolean {
  return canonicalCidr(a) === canonicalCidr(b);
}
