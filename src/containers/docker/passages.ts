/**
 * What may pass Docker's isolation, as matches of iptables' conntrack module on where a connection was made to, before it
 * was translated. Exact for what lies outside of the service ranges: an address there may be this host's own, where Docker
 * publishes ports of containers, and those stay isolated as Docker wants them. Addresses that are services' as a whole make
 * ranges of their own, no greater than they are: each packet that goes from network to network is held against all of this.
 */
import { cidrCover } from "../../base/cidr-cover.ts";
import { cidr, cidrContains, formatCidr, type IpFamily, parseCidr, parseIp } from "../../base/ip.ts";
import { isNodePort, type VirtualPort } from "../../dataplane/table.ts";

/** A virtual port outside of the service ranges: a node port, or one on an address that a Service has besides. */
export type OutsidePort = Pick<VirtualPort, "address" | "protocol" | "port">;

/** What is outside of the service ranges. */
export interface Outside {
  readonly ports: readonly OutsidePort[];
  /** Those that are a service's as a whole. */
  readonly addresses: readonly string[];
}

/**
 * A subnet that services have addresses of, and containers perhaps: of a Network. All of it passes, so that a new virtual
 * address needs no new rule. That is no more than it says: what was not translated does not match, and only the host's own
 * addresses have ports translated by the engine.
 */
export interface NetworkSubnet {
  readonly subnet: string;
  /** The host's own in there, in a stable order. */
  readonly hosts: readonly string[];
}

/** IPPROTO_*, as `--ctproto` is listed. */
const NUMBER = { TCP: 6, UDP: 17, SCTP: 132 } as const;

/**
 * The matches for one family, written exactly as `iptables -S` lists them, so that rules can be compared as text. Adjacent
 * ports of an address and protocol are one match.
 */
export function passages(
  family: IpFamily,
  serviceRanges: readonly string[],
  outside: Outside = { ports: [], addresses: [] },
  networks: readonly NetworkSubnet[] = [],
): string[] {
  const subnets = networks.map(({ subnet }) => cidr(subnet)).filter(({ base }) => base.family === family);
  const others = outside.addresses
    .flatMap((text) => parseIp(text) ?? [])
    .filter((address) => !subnets.some((subnet) => cidrContains(subnet, address)));
  const whole = cidrCover(others).map(formatCidr);
  const ranges = [...new Set([...serviceRanges, ...whole])]
    .filter((range) => parseCidr(range)?.base.family === family)
    .map((range) => `--ctorigdst ${withoutFullLength(range, family)}`);
  const portsOf = new Map<string, number[]>();
  for (const port of outside.ports) {
    if (parseIp(port.address)?.family !== family) continue;
    const to = isNodePort(port) ? "" : ` --ctorigdst ${port.address}`;
    const key = `--ctproto ${NUMBER[port.protocol]}${to}`;
    const ports = portsOf.get(key);
    if (ports === undefined) portsOf.set(key, [port.port]);
    else ports.push(port.port);
  }
  const exact = [...portsOf].flatMap(([key, ports]) =>
    runsOf(ports).map(
      ([first, last]) => `${key} --ctorigdstport ${first === last ? first : `${first}:${last}`}`,
    ),
  );
  const ofNetworks = networks
    .filter(({ subnet }) => cidr(subnet).base.family === family)
    .map(({ subnet, hosts }) =>
      [
        `--ctorigdst ${withoutFullLength(subnet, family)}`,
        ...hosts.map((host) => `-m conntrack ! --ctorigdst ${host}`),
      ].join(" "),
    );
  return [...ranges, ...ofNetworks, ...exact.sort()];
}

function withoutFullLength(range: string, family: IpFamily): string {
  return range.replace(family === 4 ? /\/32$/ : /\/128$/, "");
}

/** First and last of each run of consecutive numbers. */
function runsOf(numbers: readonly number[]): [first: number, last: number][] {
  const runs: [number, number][] = [];
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && number <= run[1] + 1) run[1] = number;
    else runs.push([number, number]);
  }
  return runs;
}
