/** The options of `fairlead agent`: from words on the command line to values that are known to be right. */
import { hostname } from "node:os";
import { join } from "node:path";
import type { DataPlaneChoice } from "../../agent/choose-data-plane.ts";
import type { Cidr } from "../../base/ip.ts";
import { parseHostPort, parseNodeAddresses, parseNodeName, parseRanges, parseZone } from "../node-options.ts";
import { type DnsFlags, type DnsOptions, parseDnsOptions } from "../up/dns-options.ts";
import { defaultDataDir } from "../up/options.ts";

/** As commander hands them over. */
export interface AgentFlags extends DnsFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly nodeName?: string;
  readonly netns?: string;
  readonly dataplane: Exclude<DataPlaneChoice, "none">;
  readonly serviceCidr?: string;
  readonly clusterCidr?: string;
  readonly containers: "none" | "process";
  readonly podCidr?: string;
  readonly dataDir?: string;
  readonly bindPods?: boolean;
  readonly nodeIp?: string;
  readonly zone?: string;
  readonly healthzBindAddress: string;
  readonly metricsBindAddress: string;
  readonly registerNode?: boolean;
  readonly cleanup?: boolean;
  readonly logLevel: string;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface AgentOptions {
  /** Undefined: $KUBECONFIG, ~/.kube/config, or the service account of this pod. */
  readonly kubeconfig: string | undefined;
  /** Undefined: the kubeconfig's current-context. */
  readonly context: string | undefined;
  readonly nodeName: string;
  readonly netns: string | undefined;
  readonly dataPlane: Exclude<DataPlaneChoice, "none">;
  /** Beside the ServiceCIDRs of the cluster. */
  readonly serviceCidrs: readonly Cidr[];
  /** Where pods of all nodes have their addresses, and every node has routes to. */
  readonly clusterCidrs: readonly Cidr[];
  readonly containers: "none" | "process";
  /** One range, or one of each family, the primary first; none: the default. */
  readonly podCidrs: readonly Cidr[];
  readonly dataDir: string;
  readonly bindPods: boolean;
  /** One, or one of each family; undefined: all addresses of the namespace that is programmed. */
  readonly nodeAddresses: readonly string[] | undefined;
  /** Undefined: what the Node's label says. */
  readonly zone: string | undefined;
  /** Undefined: not served. */
  readonly healthz: HostPort | undefined;
  readonly metrics: HostPort | undefined;
  readonly register: boolean;
  readonly cleanup: boolean;
  readonly logLevel: string;
  /** Its `ip` undefined or "none": the node serves no DNS. */
  readonly dns: DnsOptions;
}

/** Throws UserError that names the option and the value. */
export function parseAgentOptions(flags: AgentFlags): AgentOptions {
  const nodeName = parseNodeName(flags.nodeName ?? hostname().toLowerCase());
  return {
    kubeconfig: flags.kubeconfig,
    context: flags.context,
    nodeName,
    netns: flags.netns,
    dataPlane: flags.dataplane,
    serviceCidrs: flags.serviceCidr === undefined ? [] : parseRanges("--service-cidr", flags.serviceCidr),
    clusterCidrs: flags.clusterCidr === undefined ? [] : parseRanges("--cluster-cidr", flags.clusterCidr),
    containers: flags.containers,
    podCidrs: flags.podCidr === undefined ? [] : parseRanges("--pod-cidr", flags.podCidr),
    dataDir: flags.dataDir ?? join(defaultDataDir(), "agent", nodeName),
    bindPods: flags.bindPods ?? false,
    nodeAddresses: flags.nodeIp === undefined ? undefined : parseNodeAddresses(flags.nodeIp),
    zone: flags.zone === undefined ? undefined : parseZone(flags.zone),
    healthz: parseListener("--healthz-bind-address", flags.healthzBindAddress),
    metrics: parseListener("--metrics-bind-address", flags.metricsBindAddress),
    register: flags.registerNode ?? flags.containers !== "none",
    cleanup: flags.cleanup ?? false,
    logLevel: flags.logLevel,
    dns: parseDnsOptions(flags),
  };
}

/** "none" (or nothing, as with kube-proxy) is no listener. */
function parseListener(option: string, text: string): HostPort | undefined {
  return text === "" || text === "none" ? undefined : parseHostPort(option, text, "127.0.0.1:10256");
}
