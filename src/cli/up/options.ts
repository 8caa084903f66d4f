/** The options of `fairlead up`: from words on the command line to values that are known to be right. */
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { type Cidr, cidrsOverlap, formatCidr, parseCidr, parseIp } from "../../base/ip.ts";
import { UserError } from "../user-error.ts";

export type ContainersChoice = "auto" | "docker" | "process" | "none";
export type DataPlaneChoice = "auto" | "nftables" | "userspace" | "none";

/** As commander hands them over. */
export interface UpFlags {
  readonly dataDir?: string;
  readonly bind: string;
  readonly kubeconfig?: string;
  readonly containers: ContainersChoice;
  readonly dataplane: DataPlaneChoice;
  readonly serviceCidr?: string;
  readonly podCidr?: string;
  readonly nodeName?: string;
  readonly netns?: string;
  readonly cleanup?: boolean;
  readonly tokenAuthFile?: string;
  readonly auditLog?: string;
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
  readonly podCidr: Cidr | undefined;
  readonly nodeName: string;
  readonly netns: string | undefined;
  readonly cleanup: boolean;
  /** Users with fixed tokens. */
  readonly tokenAuthFile?: string | undefined;
  /** Undefined: no audit. */
  readonly auditLog?: string | undefined;
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
    bind: parseBind(flags.bind),
    kubeconfig: flags.kubeconfig ?? join(dataDir, "kubeconfig"),
    containers: flags.containers,
    dataPlane: flags.dataplane,
    serviceCidrs: flags.serviceCidr === undefined ? undefined : parseServiceCidrs(flags.serviceCidr),
    podCidr: flags.podCidr === undefined ? undefined : parseRange("--pod-cidr", flags.podCidr),
    nodeName: parseNodeName(flags.nodeName ?? hostname().toLowerCase()),
    netns: flags.netns,
    cleanup: flags.cleanup ?? false,
    tokenAuthFile: flags.tokenAuthFile,
    auditLog: flags.auditLog === "none" ? undefined : (flags.auditLog ?? join(dataDir, "audit.log")),
    logLevel: flags.logLevel,
  };
}

function parseBind(text: string): UpOptions["bind"] {
  const colon = text.lastIndexOf(":");
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const port = Number(text.slice(colon + 1));
  if (colon < 0 || !/^\d+$/.test(text.slice(colon + 1)) || port > 65535)
    throw new UserError(
      `--bind ${JSON.stringify(text)} is not an address and port`,
      'write it as "127.0.0.1:6443"',
    );
  if (parseIp(host) === undefined)
    throw new UserError(
      `--bind ${JSON.stringify(text)}: ${JSON.stringify(host)} is not an IP address`,
      'write it as "127.0.0.1:6443" or "[::1]:6443"',
    );
  return { host, port };
}

function parseRange(option: string, text: string): Cidr {
  const range = parseCidr(text);
  if (range === undefined)
    throw new UserError(
      `${option} ${JSON.stringify(text)} is not a range`,
      'write it as "10.96.0.0/16", with no bits set past the prefix',
    );
  return range;
}

function parseServiceCidrs(text: string): Cidr[] {
  const ranges = text.split(",").map((part) => parseRange("--service-cidr", part.trim()));
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

/** A node's name is a DNS subdomain (Kubernetes ValidateNodeName). */
function parseNodeName(name: string): string {
  if (name.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name))
    return name;
  throw new UserError(
    `the node name ${JSON.stringify(name)} is not a DNS name`,
    "give one in lower case letters, digits, '-' and '.' with --node-name",
  );
}

/** Throws UserError if pods and Services would share addresses. */
export function checkRanges(serviceCidrs: readonly Cidr[], podCidrs: readonly Cidr[]): void {
  for (const service of serviceCidrs)
    for (const pod of podCidrs)
      if (cidrsOverlap(service, pod))
        throw new UserError(
          `Services (${formatCidr(service)}) and pods (${formatCidr(pod)}) would share addresses`,
          "give them ranges of their own with --service-cidr and --pod-cidr",
        );
}
