/**
 * One node, put together: its containers as Pods, its Node object, and the data plane that follows the Services.
 * `fairlead up` runs it beside its own API server, `fairlead agent` against any Kubernetes API server.
 */
import { type Cidr, cidr, cidrsOverlap, formatCidr } from "../base/ip.ts";
import { ApiError } from "../api/api-error.ts";
import { backoffDelay, pause } from "../base/backoff.ts";
import type { Log } from "../base/log.ts";
import type { Client } from "../client/client.ts";
import type { PodNetworks } from "../containers/docker/reach.ts";
import { allAddresses, machineAddresses } from "../containers/machine-addresses.ts";
import { openConntrackTable } from "../dataplane/connections/conntrack-table.ts";
import { registerConnectionMetrics } from "../dataplane/connections/metrics.ts";
import type { ServiceTable } from "../dataplane/table.ts";
import { type Agent, startAgent } from "./agent.ts";
import { chooseContainers, type ContainersChoice } from "./choose-containers.ts";
import type { ChosenDataPlane } from "./choose-data-plane.ts";
import { followGoneClients } from "./gone-clients.ts";
import { createHealthCheckServers } from "./health-check-servers.ts";
import type { AgentMetrics } from "./metrics.ts";
import { registerNode } from "./node.ts";
import { keepNodeAddresses, type MachineAddresses } from "./node-addresses.ts";
import { keepNodeLease } from "./node-lease.ts";
import { followOwnNode } from "./own-node.ts";
import { createProxyHealth, type ProxyHealth } from "./proxy-health.ts";
import { followServiceRanges, outermost } from "./service-ranges.ts";

export interface NodeOptions {
  readonly nodeName: string;
  readonly containers: ContainersChoice;
  /** Whether pods without a node are bound to this one: only where no scheduler does that. */
  readonly bindPods: boolean;
  /** For pods that run as processes: one range, or one of each family, the primary first. None: the runtime's own default. */
  readonly podCidrs: readonly Cidr[];
  /** Programmed and where pods run, instead of the caller's. */
  readonly netns: string | undefined;
  /** The ranges of virtual addresses known from the start; ServiceCIDRs of the cluster come on top. */
  readonly serviceCidrs: readonly Cidr[];
  /** Where pods of all nodes have their addresses, and every node has routes to. Empty: all Nodes' podCIDRs, not routed. */
  readonly clusterCidrs: readonly Cidr[];
  /** The zone this node is in; undefined: what its Node says. */
  readonly zone: string | undefined;
  /** What the names of Services end in, as pods that we run are told. @default {the runtime's own default} */
  readonly clusterDomain?: string;
  /** Addresses of the cluster's DNS, as pods that we run are told. @default {those of the Service kube-dns} */
  readonly clusterDns?: readonly string[] | undefined;
  /** Where records of pods that we run are kept. */
  readonly stateDir: string;
  /** Whether the Node object is written, and its Lease kept; not where a kubelet does that. */
  readonly register: boolean;
  /** What others reach this node by; undefined: the machine's own addresses. */
  readonly nodeAddresses: readonly string[] | undefined;
}

export interface NodeParts {
  readonly client: Client;
  /** Chosen by the caller, who disposes of it after `stop`. */
  readonly chosen: ChosenDataPlane;
  /** fairlead's version. */
  readonly version: string;
  readonly log: Log;
  /** Ends it: `stop` is to be called. */
  readonly signal: AbortSignal;
  readonly metrics: AgentMetrics;
  /** Called with this node's addresses that its pods reach, and the pods' ranges, when known and when changed. */
  readonly onGateways?: (gateways: readonly string[], podRanges: readonly string[]) => void;
  /** Whether the client's server is elsewhere, and may know WatchList. @default {false} */
  readonly watchList?: boolean;
}

export interface RunningNode {
  readonly agent: Agent | undefined;
  readonly health: ProxyHealth;
  /** For people. */
  readonly containers: string;
  /** Containers are seen and the data plane is programmed. */
  readonly ready: Promise<void>;
  /** Never resolves; rejects if a part can never work. */
  readonly failed: Promise<never>;
  /** Resolves when a table for which `holds` is true is committed to the data plane. Never without a data plane. */
  untilProgrammed(holds: (table: ServiceTable) => boolean): Promise<void>;
  /** After `signal` has aborted. With `cleanup` the kernel is left as it was before the first start. */
  stop(cleanup: boolean): Promise<void>;
}

/**
 * How long the first commit waits, in milliseconds from when the Services are known, for what is to be known of the
 * node: a restart with nothing changed must write nothing, and a server or an engine that does not tell must not keep
 * clients waiting.
 */
const KNOWLEDGE_TIMEOUT = 3000;

/** Services and pods would share addresses. */
export class RangeOverlapError extends Error {
  override readonly name = "RangeOverlapError";
  readonly remedy = "give them ranges of their own with --service-cidr and --pod-cidr";
}

/** Throws, with what to do, if the containers' engine that was asked for does not answer or ranges overlap. */
export async function startNode(options: NodeOptions, parts: NodeParts): Promise<RunningNode> {
  const { nodeName, serviceCidrs, netns } = options;
  const { client, chosen, version, log, signal, metrics } = parts;
  const { dataPlane, onHost = (table) => table } = chosen;
  const serviceRanges = serviceCidrs.map(formatCidr);
  const podRanges = new PodRanges(options.clusterCidrs.map(formatCidr));
  const networksKnown = Promise.withResolvers<void>();
  const tellBridges = (bridges: PodNetworks["bridges"]): void => {
    chosen.setLocalBridges?.(bridges).catch((err: unknown) => {
      log.error({ err }, "containers may not reach virtual addresses in the subnets of their own bridges");
    });
  };
  const containers = await chooseContainers(options.containers, {
    client,
    log,
    nodeName,
    netns,
    podCidrs: options.podCidrs,
    nodeAddresses: options.nodeAddresses,
    serviceCidrs,
    stateDir: options.stateDir,
    clusterDomain: options.clusterDomain,
    clusterDns: options.clusterDns,
    bindPods: options.bindPods,
    setMasqueradeBridges: chosen.setMasqueradeBridges,
    onNetworks({ subnets, gateways, bridges }) {
      podRanges.set("containers", subnets);
      tellBridges(bridges);
      networksKnown.resolve();
      parts.onGateways?.(gateways, podRanges.tables().podRanges);
    },
  });
  const { runtime, podCidrs } = containers;
  if (!containers.tellsNetworks) tellBridges([]);
  checkRanges(serviceCidrs, podCidrs.map(cidr));
  podRanges.set("own", podCidrs);
  const nodeKept: Promise<void>[] = [];
  if (options.register) {
    const ownAddresses = async (): Promise<MachineAddresses> => ({
      reached: options.nodeAddresses ?? machineAddresses(netns),
      all: await allAddresses(netns),
    });
    const addresses = await ownAddresses();
    await untilAnswered(
      () =>
        registerNode(client, {
          name: nodeName,
          addresses,
          podCidrs,
          zone: options.zone,
          serviceRanges: dataPlane === undefined ? [] : serviceRanges,
          containerRuntimeVersion: containers.version,
          version,
        }),
      log,
      signal,
    );
    nodeKept.push(keepNodeLease({ client, nodeName, log, signal }));
    nodeKept.push(
      keepNodeAddresses({ client, nodeName, registered: addresses, read: ownAddresses, log, signal }),
    );
  }

  const containersSynced = Promise.withResolvers<void>();
  if (runtime === undefined) containersSynced.resolve();
  void containersSynced.promise.then(() => {
    if (containers.gateways.length > 0) parts.onGateways?.(containers.gateways, podRanges.tables().podRanges);
  });
  const containersDone = runtime?.run(signal, containersSynced.resolve) ?? Promise.resolve();
  const failed = containersDone.then(() => new Promise<never>(() => {}));

  let programmed = Promise.withResolvers<void>();
  let agent: Agent | undefined;
  const health = createProxyHealth({
    silence: () => agent?.silence(),
    onAnswer: (path, code) => metrics.healthAnswered(path, code),
  });
  const under: Promise<void>[] = [containersDone, ...nodeKept];
  if (dataPlane !== undefined) {
    const ownNode = followOwnNode({
      client,
      nodeName,
      allNodes: options.clusterCidrs.length === 0,
      zone: options.zone,
      onChange({ view, node, podCidrs: ofNodes }) {
        agent?.setNode(view);
        health.setNode(node);
        podRanges.set("nodes", ofNodes);
      },
      log,
      signal,
    });
    const followed = followServiceRanges({
      client,
      nodeName,
      initial: serviceRanges,
      podRanges: podCidrs,
      annotate: options.register,
      onChange(ranges) {
        agent?.setRanges({ ranges });
        containers.setServiceRanges(ranges);
      },
      log,
      signal,
    });
    const healthChecks = createHealthCheckServers({
      netns,
      healthy: () => health.healthy,
      onFailure: (service, port, error) =>
        agent?.report(
          service,
          "FailedToStartServiceHealthcheck",
          `node ${nodeName} failed to start the health check of ${service} on port ${port}: ${error.message}`,
        ),
      log,
      signal,
    });
    agent = startAgent({
      client,
      dataPlane,
      nodeName,
      watchList: parts.watchList ?? false,
      ranges: { ranges: serviceRanges, ...podRanges.tables() },
      after: () =>
        waitAtMost(
          Promise.all([ownNode.known, followed.known, containers.tellsNetworks && networksKnown.promise]),
          KNOWLEDGE_TIMEOUT,
          signal,
        ),
      log,
      signal,
      onQueued(what) {
        metrics.queued(what);
        health.queued();
      },
      onCaughtUp() {
        metrics.caughtUp();
        health.updated();
      },
      onFailed: () => metrics.failed(),
      onProgrammed(what) {
        metrics.programmed(what);
        const from = agent;
        if (from !== undefined) containers.tableChanged(() => onHost(from.table()));
        programmed.resolve();
        programmed = Promise.withResolvers<void>();
      },
      onHealthChecks: (ports) => healthChecks.set(ports),
    });
    chosen.problems.onProblem = ({ port, message, remedy, reason = "PortNotServed" }) =>
      agent?.report(port.service, reason, `node ${nodeName}: ${message}; ${remedy}`);
    podRanges.onChange = (ranges) => agent?.setRanges(ranges);
    metrics.observe({ ...agent, kernel: chosen.nftables });
    if (chosen.nftables !== undefined) countConnections(agent);
    // Where Pods are others' to run (fairlead agent on another Kubernetes), clients are forgotten when their time is over.
    const { nftables } = chosen;
    if (nftables !== undefined && options.register)
      under.push(
        followGoneClients({
          client,
          nodeName,
          onGone(addresses) {
            try {
              nftables.forgetClients(addresses);
            } catch (err) {
              log.warn(
                { err, addresses },
                "clients that are gone cannot be forgotten before their time is over",
              );
            }
          },
          log,
          signal,
        }).done,
      );
    under.push(agent.done, ownNode.done, followed.done);
  }
  const running = agent;

  /** By Service, when somebody asks for metrics. */
  function countConnections(from: Agent): void {
    const counted = registerConnectionMetrics(metrics.registry, {
      table: () => from.table(),
      open: () => openConntrackTable(netns),
      log,
    });
    signal.addEventListener("abort", () => counted[Symbol.dispose](), { once: true });
  }

  const ready = (async () => {
    await Promise.race([containersSynced.promise, failed]);
    await running?.ready;
    await running?.settled();
  })();
  // Whoever awaits these sees the failure; until then it must not end the process.
  ready.catch(() => undefined);
  failed.catch(() => undefined);

  return {
    agent: running,
    health,
    containers: containers.description,
    ready,
    failed,
    async untilProgrammed(holds) {
      if (running === undefined) return new Promise<never>(() => {});
      while (!holds(running.table())) await programmed.promise;
      return running.settled();
    },
    async stop(cleanup) {
      await Promise.allSettled(under);
      if (!cleanup) return;
      await containers.cleanup();
      await dataPlane?.cleanup();
    },
  };
}

/** Throws RangeOverlapError if pods and Services would share addresses. */
function checkRanges(serviceCidrs: readonly Cidr[], podCidrs: readonly Cidr[]): void {
  for (const service of serviceCidrs)
    for (const pod of podCidrs)
      if (cidrsOverlap(service, pod))
        throw new RangeOverlapError(
          `Services (${formatCidr(service)}) and pods (${formatCidr(pod)}) would share addresses`,
        );
}

/** Calls again, with pauses, while the API server is away or overloaded. Throws what else it answers. */
async function untilAnswered(call: () => Promise<void>, log: Log, signal: AbortSignal): Promise<void> {
  for (let failures = 0; ;)
    try {
      return await call();
    } catch (err) {
      if (signal.aborted || !(err instanceof ApiError) || (err.code < 500 && err.code !== 429)) throw err;
      const delay = backoffDelay(++failures, { initial: 200, limit: 10_000 });
      log.warn({ err, delay }, "the Node cannot be registered yet, trying again");
      await pause(delay, signal);
    }
}

/** Where pods have their addresses, from all who know of some. */
class PodRanges {
  onChange: ((ranges: Pick<ServiceTable, "podRanges" | "routedRanges">) => void) | undefined;
  readonly #cluster: readonly string[];
  readonly #from = new Map<string, readonly string[]>();

  constructor(cluster: readonly string[]) {
    this.#cluster = cluster;
  }

  /** What one of them knows now. */
  set(who: "own" | "nodes" | "containers", ranges: readonly string[]): void {
    const before = JSON.stringify(this.tables());
    this.#from.set(who, ranges);
    const tables = this.tables();
    if (JSON.stringify(tables) !== before) this.onChange?.(tables);
  }

  tables(): { podRanges: readonly string[]; routedRanges: readonly string[] } {
    return {
      podRanges: outermost([...this.#cluster, ...Array.from(this.#from.values()).flat()]),
      // Not what Nodes say of themselves: a network plugin may give pods other addresses than those of spec.podCIDRs.
      routedRanges: outermost(this.#cluster),
    };
  }
}

/** Resolves when `promise` does, after so many milliseconds, or when the signal aborts. */
async function waitAtMost(
  promise: Promise<unknown>,
  milliseconds: number,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const limit = pause(milliseconds, AbortSignal.any([signal, over.signal]));
  await Promise.race([promise, limit]);
  over.abort();
}
