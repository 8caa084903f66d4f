/**
 * One node, put together: its containers as Pods, its Node object, and the data plane that follows the Services.
 * `fairlead up` runs it beside its own API server, `fairlead agent` against any Kubernetes API server.
 */
import { type Cidr, cidr, cidrsOverlap, formatCidr } from "../base/ip.ts";
import type { Log } from "../base/log.ts";
import type { Client } from "../client/client.ts";
import type { ServiceTable } from "../dataplane/table.ts";
import { type Agent, type Programmed, startAgent } from "./agent.ts";
import { chooseContainers, type ContainersChoice } from "./choose-containers.ts";
import type { ChosenDataPlane } from "./choose-data-plane.ts";
import { machineAddresses, registerNode } from "./node.ts";
import { keepNodeLease } from "./node-lease.ts";
import { followServiceRanges } from "./service-ranges.ts";

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
  readonly onProgrammed?: (programmed: Programmed) => void;
}

export interface RunningNode {
  readonly agent: Agent | undefined;
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

/** Services and pods would share addresses. */
export class RangeOverlapError extends Error {
  override readonly name = "RangeOverlapError";
  readonly remedy = "give them ranges of their own with --service-cidr and --pod-cidr";
}

/** Throws, with what to do, if the containers' engine that was asked for does not answer or ranges overlap. */
export async function startNode(options: NodeOptions, parts: NodeParts): Promise<RunningNode> {
  const { nodeName, serviceCidrs, netns } = options;
  const { client, chosen, version, log, signal } = parts;
  const { dataPlane } = chosen;
  const serviceRanges = serviceCidrs.map(formatCidr);
  const containers = await chooseContainers(options.containers, {
    client,
    log,
    nodeName,
    netns,
    podCidrs: options.podCidrs,
    nodeAddresses: options.nodeAddresses,
    serviceCidrs,
    stateDir: options.stateDir,
    bindPods: options.bindPods,
    setMasqueradeBridges: chosen.setMasqueradeBridges,
  });
  const { runtime, podCidrs } = containers;
  checkRanges(serviceCidrs, podCidrs.map(cidr));
  let leaseKept = Promise.resolve();
  if (options.register) {
    await registerNode(client, {
      name: nodeName,
      addresses: options.nodeAddresses ?? machineAddresses(),
      podCidrs,
      serviceRanges: dataPlane === undefined ? [] : serviceRanges,
      containerRuntimeVersion: containers.version,
      version,
    });
    leaseKept = keepNodeLease({ client, nodeName, log, signal });
  }

  const containersSynced = Promise.withResolvers<void>();
  if (runtime === undefined) containersSynced.resolve();
  const containersDone = runtime?.run(signal, containersSynced.resolve) ?? Promise.resolve();
  const failed = containersDone.then(() => new Promise<never>(() => {}));

  let programmed = Promise.withResolvers<void>();
  const agent =
    dataPlane === undefined
      ? undefined
      : startAgent({
          client,
          dataPlane,
          nodeName,
          serviceRanges,
          log,
          signal,
          onProgrammed(what) {
            programmed.resolve();
            programmed = Promise.withResolvers<void>();
            parts.onProgrammed?.(what);
          },
        });
  const rangesFollowed =
    agent === undefined
      ? Promise.resolve()
      : followServiceRanges({
          client,
          nodeName,
          initial: serviceRanges,
          podRanges: podCidrs,
          onChange(ranges) {
            agent.setServiceRanges(ranges);
            containers.setServiceRanges(ranges);
          },
          log,
          signal,
        });

  const ready = (async () => {
    await Promise.race([containersSynced.promise, failed]);
    await agent?.ready;
    await agent?.settled();
  })();
  // Whoever awaits these sees the failure; until then it must not end the process.
  ready.catch(() => undefined);
  failed.catch(() => undefined);

  return {
    agent,
    containers: containers.description,
    ready,
    failed,
    async untilProgrammed(holds) {
      if (agent === undefined) return new Promise<never>(() => {});
      while (!holds(agent.table())) await programmed.promise;
      return agent.settled();
    },
    async stop(cleanup) {
      await Promise.allSettled([containersDone, agent?.done, rangesFollowed, leaseKept]);
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
