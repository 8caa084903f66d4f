/** Whose containers become Pods on this machine: Docker's where its engine answers, else processes that we run. */
import { type Cidr, cidr, cidrAddress, formatCidr, formatIp } from "../base/ip.ts";
import type { Outside, OutsidePort } from "../containers/docker/passages.ts";
import type { PodNetworks } from "../containers/docker/reach.ts";
import type { Log } from "../base/log.ts";
import type { Client } from "../client/client.ts";
import { createDockerRuntime } from "../containers/docker/runtime.ts";
import { createProcessRuntime } from "../containers/process/runtime.ts";
import type { ContainerRuntime } from "../containers/runtime.ts";
import { isWhole, type ServiceTable } from "../dataplane/table.ts";
import { wholeAddresses } from "../dataplane/whole-addresses.ts";
import type { MasqueradeBridges } from "./choose-data-plane.ts";

/** "auto": Docker if its engine answers, else processes that we run. */
export type ContainersChoice = "auto" | "docker" | "process" | "none";

export interface ContainersParts {
  readonly client: Client;
  readonly log: Log;
  readonly nodeName: string;
  readonly netns: string | undefined;
  /** For pods that run as processes; none: the runtime's own default. */
  readonly podCidrs: readonly Cidr[];
  /** What others reach this node by; undefined: pods that run as processes are told the gateway of their range. */
  readonly nodeAddresses: readonly string[] | undefined;
  readonly serviceCidrs: readonly Cidr[];
  readonly stateDir: string;
  /** What the names of Services end in; undefined: the runtime's own default. */
  readonly clusterDomain?: string | undefined;
  /** Addresses of the cluster's DNS; undefined: those of the Service kube-dns. */
  readonly clusterDns?: readonly string[] | undefined;
  /** Whether pods without a node are bound to this one: only where no scheduler does that. */
  readonly bindPods: boolean;
  readonly setMasqueradeBridges: MasqueradeBridges | undefined;
  /** Called with where the engine's networks are, when that is known and when it has changed. */
  readonly onNetworks: (networks: PodNetworks) => void;
}

export interface ChosenContainers {
  readonly runtime: ContainerRuntime | undefined;
  /** What people read at the start. */
  readonly description: string;
  /** For the Node's status: "docker://20.10.24". */
  readonly version: string;
  /** Where pods that we run get their addresses from. */
  readonly podCidrs: readonly string[];
  /** This node's addresses that pods which we run reach, once the runtime is synced. */
  readonly gateways: readonly string[];
  /** Whether `onNetworks` is called soon after the runtime was started. */
  readonly tellsNetworks: boolean;
  /** Tells of all ranges of virtual addresses when they have changed. */
  setServiceRanges(ranges: readonly string[]): void;
  /** The table may have other virtual ports and addresses outside of the ranges; it is asked later, and not each time. */
  tableChanged(table: () => ServiceTable): void;
  /** Takes everything back; after the runtime's run() has ended. */
  cleanup(): Promise<void>;
}

/** Throws, with what to do, if the engine that was asked for does not answer. */
export async function chooseContainers(
  choice: ContainersChoice,
  parts: ContainersParts,
): Promise<ChosenContainers> {
  if (choice === "none")
    return {
      runtime: undefined,
      description: "none",
      version: "none://",
      podCidrs: [],
      gateways: [],
      tellsNetworks: false,
      setServiceRanges() {},
      tableChanged() {},
      cleanup: async () => {},
    };
  if (choice === "process") return processes(parts, "");
  const docker = createDockerRuntime({
    nodeName: parts.nodeName,
    serviceRanges: parts.serviceCidrs.map(formatCidr),
    networks: true,
    ...(parts.netns === undefined ? {} : { netns: parts.netns }),
  })({
    client: parts.client,
    log: parts.log,
    onNetworks: parts.onNetworks,
    onMasqueradeBridges(pairs) {
      parts
        .setMasqueradeBridges?.(pairs)
        .catch((err: unknown) => parts.log.error({ err }, "cannot masquerade inside Docker's bridges"));
    },
  });
  try {
    return {
      runtime: docker,
      description: await docker.describe(),
      version: await docker.containerRuntimeVersion(),
      podCidrs: [],
      gateways: [],
      tellsNetworks: docker.hasReach,
      setServiceRanges: (ranges) => docker.setServiceRanges(ranges),
      tableChanged: (table) => docker.outsideChanged(() => outsideRanges(table())),
      cleanup: () => docker.cleanup(),
    };
  } catch (error) {
    if (choice === "docker") throw error;
    return processes(parts, `; no Docker: ${(error as Error).message}`);
  }
}

/** What Docker's isolation is to let through besides the ranges; in a stable order. */
function outsideRanges(table: ServiceTable): Outside {
  const exact = [...table.ports]
    .filter(([, port]) => !isWhole(port))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { address, protocol, port }]): OutsidePort => ({ address, protocol, port }));
  return { ports: exact, addresses: wholeAddresses(table) };
}

async function processes(parts: ContainersParts, why: string): Promise<ChosenContainers> {
  const { client, log, nodeName, stateDir, netns, podCidrs, nodeAddresses, bindPods } = parts;
  const runtime = createProcessRuntime({
    nodeName,
    stateDir,
    bindPods,
    ...(parts.clusterDomain === undefined ? {} : { clusterDomain: parts.clusterDomain }),
    ...(parts.clusterDns === undefined ? {} : { clusterDns: parts.clusterDns }),
    ...(netns === undefined ? {} : { netns }),
    ...(podCidrs.length === 0 ? {} : { podCidrs: podCidrs.map(formatCidr) }),
    ...(nodeAddresses === undefined ? {} : { hostIPs: nodeAddresses }),
  })({ client, log });
  return {
    runtime,
    description: `${await runtime.describe()}${why}`,
    version: `process://${process.versions.node}`,
    podCidrs: runtime.podCidrs,
    gateways: runtime.podCidrs
      .map((range) => formatIp(cidrAddress(cidr(range), 1)))
      .filter((address) => !address.startsWith("127.")),
    tellsNetworks: false,
    // Our own bridge keeps nothing apart.
    setServiceRanges() {},
    tableChanged() {},
    cleanup: () => runtime.cleanup(),
  };
}
