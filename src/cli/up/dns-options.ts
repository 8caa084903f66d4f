/** The options of `fairlead up` about DNS: from words on the command line to values that are known to be right. */
import {
  type Cidr,
  cidrAddress,
  cidrContains,
  cidrSize,
  formatCidr,
  formatIp,
  type Ip,
  parseIp,
} from "../../base/ip.ts";
import { parseServerAddress, type ServerAddress } from "../../dns/resolv-conf.ts";
import { nameKey } from "../../net/dns/name.ts";
import { UserError } from "../user-error.ts";

/** As commander hands them over. */
export interface DnsFlags {
  readonly dnsIp?: string;
  readonly clusterDomain?: string;
  readonly dnsListen?: string;
  readonly dnsUpstream?: string;
  readonly dnsTtl?: string;
}

export interface DnsOptions {
  /** Undefined: the tenth address of the service range. */
  readonly ip: Ip | "none" | undefined;
  readonly domain: string;
  /** Undefined: on the pods' bridge. */
  readonly listen: { readonly address: Ip; readonly port?: number } | undefined;
  /** Undefined: the nameservers of /etc/resolv.conf. */
  readonly upstreams: readonly ServerAddress[] | undefined;
  /** Seconds. */
  readonly ttl: number;
}

const DEFAULT_DOMAIN = "cluster.local";
const DEFAULT_TTL = 5;
/** Seconds, as CoreDNS has it. */
const MAX_TTL = 3600;
/** As kubeadm and most installers choose: 10.96.0.10. */
const USUAL_OFFSET = 10n;

/** Throws UserError that names the option and the value. */
export function parseDnsOptions(flags: DnsFlags): DnsOptions {
  const {
    dnsIp,
    clusterDomain = DEFAULT_DOMAIN,
    dnsListen,
    dnsUpstream,
    dnsTtl = String(DEFAULT_TTL),
  } = flags;
  const address = dnsIp === undefined || dnsIp === "none" ? dnsIp : parseIp(dnsIp);
  if (dnsIp !== undefined && address === undefined)
    throw new UserError(
      `--dns-ip ${JSON.stringify(dnsIp)} is not an IP address`,
      'write it as "10.96.0.10", or "none"',
    );
  // Room for what is put in front of it: three labels of 63 letters and "svc".
  if (!isDomain(clusterDomain))
    throw new UserError(
      `--cluster-domain ${JSON.stringify(clusterDomain)} is not a domain name of at most 59 letters`,
      'write it as "cluster.local", in lower case letters, digits, "-" and "."',
    );
  if (!/^\d{1,4}$/.test(dnsTtl) || Number(dnsTtl) > MAX_TTL)
    throw new UserError(
      `--dns-ttl ${JSON.stringify(dnsTtl)} is not a number of seconds from 0 to ${MAX_TTL}`,
    );
  return {
    ip: address,
    domain: clusterDomain,
    listen: dnsListen === undefined ? undefined : parseListen(dnsListen),
    upstreams: dnsUpstream?.split(",").map((text) => parseServer("--dns-upstream", text.trim())),
    ttl: Number(dnsTtl),
  };
}

/** The virtual address of the DNS; undefined for none. Throws UserError if it is in none of the ranges. */
export function chooseDnsIp({ ip }: DnsOptions, serviceCidrs: readonly Cidr[]): string | undefined {
  if (ip === "none") return undefined;
  const [primary] = serviceCidrs;
  if (ip === undefined) {
    if (primary === undefined) return undefined;
    const last = cidrSize(primary) - 2n;
    return formatIp(cidrAddress(primary, last < USUAL_OFFSET ? last : USUAL_OFFSET));
  }
  if (serviceCidrs.some((range) => cidrContains(range, ip))) return formatIp(ip);
  throw new UserError(
    `--dns-ip ${formatIp(ip)} is not in the service range ${serviceCidrs.map(formatCidr).join(", ")}`,
    "take an address of the range, or none",
  );
}

function isDomain(text: string): boolean {
  return /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text) && text.length <= 59 && nameKey(text) !== undefined;
}

function parseListen(text: string): DnsOptions["listen"] {
  const whole = parseIp(text);
  if (whole !== undefined) return { address: whole };
  const { address, port } = parseServer("--dns-listen", text);
  return { address: parseIp(address)!, port };
}

function parseServer(option: string, text: string): ServerAddress {
  const server = parseServerAddress(text);
  if (server !== undefined) return server;
  throw new UserError(
    `${option} ${JSON.stringify(text)} is not an address, with or without a port`,
    'write it as "192.0.2.53", "192.0.2.53:5353" or "[2001:db8::53]:53"',
  );
}
