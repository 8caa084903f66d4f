/** The options of `fairlead up`: from words on the command line to values that are known to be right. */
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import type { ContainersChoice } from "../../agent/choose-containers.ts";
import type { DataPlaneChoice } from "../../agent/choose-data-plane.ts";
import type { Cidr } from "../../base/ip.ts";
import { parseHostPort, parseNodeAddresses, parseNodeName, parseRanges, parseZone } from "../node-options.ts";
import { UserError } from "../user-error.ts";
import { type DnsFlags, type DnsOptions, parseDnsOptions } from "./dns-options.ts";

/** As commander hands them over. */
export interface UpFlags extends DnsFlags {
  readonly dataDir?: string;
  readonly bind: string;
  readonly kubeconfig?: string;
  readonly containers: ContainersChoice;
  readonly dataplane: DataPlaneChoice;
  readonly serviceCidr?: string;
  readonly podCidr?: string;
  readonly clusterCidr?: string;
  readonly nodeName?: string;
  readonly nodeIp?: string;
  readonly zone?: string;
  readonly netns?: string;
  readonly cleanup?: boolean;
  readonly tokenAuthFile?: string;
  readonly auditLog?: string;
  readonly netmaster?: string;
  readonly logLevel: string;
}

export interface UpOptions {
  readonly dataDir: string;
  readonly bind: { readonly host: string; readonly port: number };
  readonly kubeconfig: string;
  readonly containers: ContainersChoice;
  readonly dataPlane: DataPlaneChoice;
  /** One range, or one of each family, the primary first. Undefined: the data plane's own default. */
  readonly serviceCidrs: readonly Cidr[] | undefined;
  /** One range, or one of each family, the primary first; none: the default. */
  readonly podCidrs: readonly Cidr[];
  /** Where pods of all nodes have their addresses, and every node has routes to. */
  readonly clusterCidrs: readonly Cidr[];
  readonly nodeName: string;
  /** One, or one of each family; undefined: all addresses of the namespace that is programmed. */
  readonly nodeAddresses: readonly string[] | undefined;
  /** Undefined: what the Node's label says. */
  readonly zone: string | undefined;
  readonly netns: string | undefined;
  readonly cleanup: boolean;
  /** Users with fixed tokens. */
  readonly tokenAuthFile?: string | undefined;
  /** Undefined: no audit. */
  readonly auditLog?: string | undefined;
  /** Where Contiv's REST is served by plain HTTP to whoever asks. Undefined: nowhere. */
  readonly netmaster?: { readonly host: string; readonly port: number } | undefined;
  /** @default {what parseDnsOptions makes of no flags} */
  readonly dns?: DnsOptions;
  readonly logLevel: string;
}

/** Where a user's or, for root, the system's data lives (XDG base directories; FHS 3.0 section 5.8). */
export function defaultDataDir(): string {
  if (process.getuid?.() === 0) return "/var/lib/fairlead";
  return join(process.env["XDG_DATA_HOME"] ?? join(homedir(), ".local/share"), "fairlead");
}

/** Throws UserError that names the option and the value. */
export function parseUpOptions(flags: UpFlags): UpOptions {
  const dataDir = flags.dataDir ?? defaultDataDir();
  return {
    dataDir,
    bind: parseHostPort("--bind", flags.bind, "127.0.0.1:6443"),
    kubeconfig: flags.kubeconfig ?? join(dataDir, "kubeconfig"),
    containers: flags.containers,
    dataPlane: flags.dataplane,
    serviceCidrs: flags.serviceCidr === undefined ? undefined : parseServiceCidrs(flags.serviceCidr),
    podCidrs: flags.podCidr === undefined ? [] : parseRanges("--pod-cidr", flags.podCidr),
    clusterCidrs: flags.clusterCidr === undefined ? [] : parseRanges("--cluster-cidr", flags.clusterCidr),
    nodeAddresses: flags.nodeIp === undefined ? undefined : parseNodeAddresses(flags.nodeIp),
    zone: flags.zone === undefined ? undefined : parseZone(flags.zone),
    nodeName: parseNodeName(flags.nodeName ?? hostname().toLowerCase()),
    netns: flags.netns,
    cleanup: flags.cleanup ?? false,
    tokenAuthFile: flags.tokenAuthFile,
    auditLog: flags.auditLog === "none" ? undefined : (flags.auditLog ?? join(dataDir, "audit.log")),
    netmaster:
      flags.netmaster === undefined
        ? undefined
        : parseHostPort("--netmaster", flags.netmaster, "127.0.0.1:9999"),
    dns: parseDnsOptions(flags),
    logLevel: flags.logLevel,
  };
}

function parseServiceCidrs(text: string): Cidr[] {
  const ranges = parseRanges("--service-cidr", text);
  const [first, second] = ranges;
  if (ranges.length > 2 || (second !== undefined && second.base.family === first!.base.family))
    throw new UserError(
      `--service-cidr ${JSON.stringify(text)} must be one range, or one IPv4 and one IPv6 range`,
    );
  for (const range of ranges) {
    const bits = (range.base.family === 4 ? 32 : 128) - range.length;
    if (bits > 20 || bits < 2)
      throw new UserError(
        `--service-cidr ${JSON.stringify(text)} must leave 2 to 20 bits for addresses`,
        range.base.family === 4 ? "take a prefix from /12 to /30" : "take a prefix from /108 to /126",
      );
  }
  return ranges;
}
