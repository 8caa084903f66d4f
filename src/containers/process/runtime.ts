/**
 * The runtime that runs pods as processes of this machine: a pod whose container is a command, without Docker.
 *
 * It takes the pods that are bound to its node, and binds those that nobody else would (no nodeName, the default
 * scheduler's), unless they say by `fairlead.dev/runtime` that they belong to another runtime: the mirror of a
 * container engine writes pods too.
 *
 * Processes outlive fairlead. When it stops, pods go on; when it starts again, it finds them by its records, and
 * what belongs to pods that were deleted meanwhile is ended. `cleanup` ends everything instead.
 */
import { rmSync } from "node:fs";
import type { Binding } from "../../api/binding/type.ts";
import { nodeKind } from "../../api/node/kind.ts";
import { podKind } from "../../api/pod/kind.ts";
import type { Pod } from "../../api/pod/type.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service } from "../../api/service/type.ts";
import { type Log, silentLog } from "../../base/log.ts";
import type { Lister } from "../../client/cache.ts";
import type { Client } from "../../client/client.ts";
import { startInformer } from "../../client/informer.ts";
import { keyOf } from "../../client/object-key.ts";
import { createWorkQueue } from "../../base/workqueue.ts";
import { canUseNetns } from "../../sys/capability.ts";
import { bootId, processStartTime, signalProcess } from "../../sys/process.ts";
import type { ContainerRuntime } from "../runtime.ts";
import { findViewTools } from "./container-view.ts";
import { LOOPBACK_POD_CIDR, loopbackNetwork } from "./loopback-network.ts";
import { hostNetwork, type PodNetwork } from "./network.ts";
import { NETNS_POD_CIDR, openNetnsNetwork } from "./netns-network.ts";
import { type PodRecord, PodRecords } from "./pod-record.ts";
import { endStragglers, placeOf, PodRunner, type PodRunnerParts, viewDirectory } from "./pod-runner.ts";
import { KUBELET_DELAYS, type RestartDelays } from "./restart.ts";

/** Annotation (or label) of a pod: which runtime it belongs to. "process" is this one; absent: whoever runs its node. */
export const RUNTIME_MARK = "fairlead.dev/runtime";

/** The Service that Kubernetes clusters have their DNS behind. */
const DNS_SERVICE = "kube-system/kube-dns";

export interface ProcessRuntimeOptions {
  /** The node whose pods these are. */
  readonly nodeName: string;
  /** Where records and logs of pods are kept; of one runtime only. */
  readonly stateDir: string;
  /**
   * How pods get addresses: in network namespaces (root), or of 127/8. @default {"auto"}, which takes namespaces if
   * this process may make them and podCidrs is not in 127/8
   */
  readonly isolation?: "auto" | "netns" | "loopback";
  /** @default {["10.244.0.0/24"], on loopback ["127.244.0.0/24"]} */
  readonly podCidrs?: readonly string[];
  /** The node's network namespace, by name or path. @default {the caller's} */
  readonly netns?: string;
  /** The bridge that pods are joined to. @default {"fairlead0"} */
  readonly bridge?: string;
  /** What others reach this node by, the primary first. @default {the gateway of pods; on loopback 127.0.0.1} */
  readonly hostIPs?: readonly string[];
  /** Whether pods without a node are bound to this one. Not with a scheduler in the cluster. @default {true} */
  readonly bindPods?: boolean;
  /** The zone of cluster names, as pods are told. @default {"cluster.local"} */
  readonly clusterDomain?: string;
  /** Addresses of the cluster's DNS, as pods are told. @default {those of the Service kube-dns in kube-system, if there is one} */
  readonly clusterDns?: readonly string[];
  /** @default {the kubelet's: 10 s doubling to 5 min} */
  readonly restartDelays?: RestartDelays;
}

export interface ProcessRuntimeParts {
  readonly client: Client;
  readonly log?: Log;
}

export interface ProcessRuntime extends ContainerRuntime {
  /** The range of pods' addresses, primary first. */
  readonly podCidrs: readonly string[];
  /**
   * Ends the processes of all pods (SIGTERM, two seconds, SIGKILL) and takes their namespaces and the bridge away.
   * Ends run() first. The Pods stay in the API, and the next run starts them afresh.
   */
  cleanup(): Promise<void>;
}

export function createProcessRuntime(
  options: ProcessRuntimeOptions,
): (parts: ProcessRuntimeParts) => ProcessRuntime {
  return (parts) => new Runtime(options, parts);
}

class Runtime implements ProcessRuntime {
  readonly name = "process";
  readonly podCidrs: readonly string[];
  readonly #options: ProcessRuntimeOptions;
  readonly #client: Client;
  readonly #log: Log;
  readonly #isolation: "netns" | "loopback";
  readonly #runners = new Map<string, { runner: PodRunner; done: Promise<void> }>();
  /** Aborts when everything is to be cleaned up: run() must not start anything again. */
  readonly #over = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** Records of an earlier run whose pods have not been seen yet, by uid. */
  readonly #old = new Map<string, PodRecord>();

  constructor(options: ProcessRuntimeOptions, { client, log = silentLog }: ProcessRuntimeParts) {
    const { isolation = "auto", podCidrs = [] } = options;
    this.#options = options;
    this.#client = client;
    this.#log = log;
    this.#isolation = isolation === "auto" ? chooseIsolation(podCidrs) : isolation;
    if (this.#isolation === "loopback" && options.netns !== undefined)
      throw new Error(
        `pods cannot run in the network namespace ${options.netns} without root: run fairlead as root`,
      );
    this.podCidrs = options.podCidrs ?? [this.#isolation === "netns" ? NETNS_POD_CIDR : LOOPBACK_POD_CIDR];
  }

  async describe(): Promise<string> {
    const ranges = this.podCidrs.join(", ");
    return this.#isolation === "netns"
      ? `processes in network namespaces, ${ranges}`
      : `processes on loopback addresses, ${ranges} (without root)`;
  }

  run(signal: AbortSignal, onSynced?: () => void): Promise<void> {
    this.#running = this.#run(AbortSignal.any([signal, this.#over.signal]), onSynced);
    return this.#running;
  }

  async #run(signal: AbortSignal, onSynced?: () => void): Promise<void> {
    const network = await this.#openNetwork();
    try {
      const services = startInformer<Service>({
        client: this.#client,
        kind: serviceKind,
        log: this.#log,
        signal,
      });
      const parts = this.#parts(network, services);
      this.#restore(parts);
      // A container is told of the Services that exist when it starts: of all, or of none.
      await untilSynced(services, signal);
      await this.#follow(parts, signal, onSynced);
    } finally {
      await Promise.all(Array.from(this.#runners.values(), ({ done }) => done));
      network[Symbol.dispose]();
    }
  }

  async cleanup(): Promise<void> {
    this.#over.abort();
    await this.#running;
    using network = await this.#openNetwork();
    const parts = this.#parts(network, undefined);
    const records = parts.records.load();
    const pids = records.filter(({ bootId }) => bootId === parts.bootId).flatMap(runningPids);
    for (const pid of pids) signalProcess(-pid, "SIGTERM");
    const deadline = performance.now() + 2000;
    while (pids.some((pid) => processStartTime(pid) !== undefined) && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
    for (const record of records) this.#discard(record, parts);
    network.cleanup();
  }

  async #openNetwork(): Promise<PodNetwork> {
    if (this.#isolation === "loopback") return loopbackNetwork(this.podCidrs[0]);
    const { netns, bridge, hostIPs } = this.#options;
    return openNetnsNetwork({
      podCidrs: this.podCidrs,
      ...(netns !== undefined && { netns }),
      ...(bridge !== undefined && { bridge }),
      ...(hostIPs !== undefined && { hostIPs }),
    });
  }

  #parts(network: PodNetwork, services: Lister<Service> | undefined): PodRunnerParts {
    const { stateDir, restartDelays = KUBELET_DELAYS, clusterDomain = "cluster.local" } = this.#options;
    return {
      client: this.#client,
      network,
      records: new PodRecords(stateDir),
      stateDir,
      bootId: bootId(),
      delays: restartDelays,
      log: this.#log,
      cluster: {
        services: () => services?.list().values() ?? [],
        domain: clusterDomain,
        dns: () => this.#options.clusterDns ?? virtualAddresses(services?.getByKey(DNS_SERVICE)),
      },
      tools: this.#isolation === "netns" ? findViewTools() : undefined,
    };
  }

  /** Takes the addresses of recorded pods before any new pod can get them. */
  #restore(parts: PodRunnerParts): void {
    for (const record of parts.records.load()) {
      const place = placeOf(record);
      const needsNone = record.finished === true || place.addresses[0] === parts.network.hostIPs[0];
      if (needsNone || parts.network.restore(place)) this.#old.set(record.uid, record);
      else {
        this.#log.warn(
          { pod: record.name, ...place },
          "a pod's address is not to be had any more: it starts afresh",
        );
        this.#discard(record, parts);
      }
    }
  }

  async #follow(
    parts: PodRunnerParts,
    signal: AbortSignal,
    onSynced: (() => void) | undefined,
  ): Promise<void> {
    const { nodeName, bindPods = true } = this.#options;
    const common = { client: this.#client, kind: podKind, log: this.#log, signal };
    const bound = startInformer<Pod>({ ...common, fieldSelector: `spec.nodeName=${nodeName}` });
    const start = (pod: Pod): void => this.#start(pod, parts, signal);
    bound.addHandler({
      onAdd: start,
      onUpdate: (pod) => {
        const known = this.#runners.get(pod.metadata.uid ?? "");
        if (known === undefined) start(pod);
        else known.runner.update(pod);
      },
      onDelete: (pod) => this.#runners.get(pod.metadata.uid ?? "")?.runner.removed(),
    });
    const waits = [bound.done];
    const synced = [bound.synced];
    if (bindPods) {
      const unbound = startInformer<Pod>({ ...common, fieldSelector: "spec.nodeName=" });
      const queue = createWorkQueue({
        name: "bind pods",
        // A pod that is not there any more was bound or deleted.
        work: async (key) => this.#bind(unbound.getByKey(key)),
        log: this.#log,
        signal,
      });
      const add = (pod: Pod): void => queue.add(keyOf(pod));
      unbound.addHandler({ onAdd: add, onUpdate: add });
      waits.push(unbound.done);
      synced.push(unbound.synced);
    }
    await Promise.all(synced.map((one) => untilSynced({ synced: one }, signal)));
    if (!signal.aborted) {
      for (const record of this.#old.values()) {
        this.#log.info(
          { pod: record.name, uid: record.uid },
          "ending what is left of a pod that was deleted",
        );
        this.#discard(record, parts);
        const isHost = record.addresses[0] === parts.network.hostIPs[0];
        if (!isHost && record.finished !== true) parts.network.release(placeOf(record));
      }
      this.#old.clear();
      onSynced?.();
    }
    await Promise.all(waits);
  }

  #start(pod: Pod, parts: PodRunnerParts, signal: AbortSignal): void {
    const { uid = "", name } = pod.metadata;
    if (!isOurs(pod) || this.#runners.has(uid)) return;
    const old = this.#old.get(uid);
    this.#old.delete(uid);
    const isHost = pod.spec?.hostNetwork === true;
    const own = isHost ? { ...parts, network: hostNetwork(parts.network) } : parts;
    const runner = new PodRunner(pod, own, signal, old);
    const done = runner
      .run()
      .catch((err: unknown) => this.#log.error({ err, pod: name }, "running a pod failed for good"))
      .finally(() => this.#runners.delete(uid));
    this.#runners.set(uid, { runner, done });
  }

  /** What the default scheduler would do where there is only one node. Rejects if it has to be tried again. */
  async #bind(pod: Pod | undefined): Promise<void> {
    if (pod === undefined) return;
    const { nodeName } = this.#options;
    const { namespace = "default", name = "", uid, deletionTimestamp } = pod.metadata;
    const scheduler = pod.spec?.schedulerName ?? "default-scheduler";
    if (!isOurs(pod) || scheduler !== "default-scheduler" || deletionTimestamp !== undefined) return;
    // It is bound when the last of its gates is taken away.
    if ((pod.spec?.schedulingGates ?? []).length > 0) return;
    if (!(await this.#isSelected(pod))) return;
    const binding: Binding = {
      metadata: {
        namespace,
        name,
        ...(uid !== undefined && { uid }),
        annotations: { [RUNTIME_MARK]: "process" },
      },
      target: { kind: "Node", name: nodeName },
    };
    await this.#client.createSubresource(podKind, { namespace, name }, "binding", binding);
  }

  /** v1 PodSpec, field nodeSelector: labels that the node must have. */
  async #isSelected(pod: Pod): Promise<boolean> {
    const wanted = Object.entries(pod.spec?.nodeSelector ?? {});
    if (wanted.length === 0) return true;
    const node = await this.#client.get(nodeKind, { name: this.#options.nodeName });
    return wanted.every(([key, value]) => node.metadata.labels?.[key] === value);
  }

  /** Ends and removes what a record names; its addresses stay taken if they were restored. */
  #discard(record: PodRecord, parts: PodRunnerParts): void {
    const place = placeOf(record);
    if (record.bootId === parts.bootId) {
      for (const pid of runningPids(record)) signalProcess(-pid, "SIGKILL");
      endStragglers(record.uid, parts, place);
    }
    const isPodNetns = this.#isolation === "netns" && place.netns?.startsWith("fairlead-") === true;
    if (isPodNetns) parts.network.detach(record.uid, place);
    parts.records.remove(record.uid);
    rmSync(viewDirectory(parts.stateDir, record.uid), { recursive: true, force: true });
  }
}

/** Resolves as well when the signal has aborted. */
async function untilSynced(informer: { readonly synced: Promise<void> }, signal: AbortSignal): Promise<void> {
  try {
    await informer.synced;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function virtualAddresses(service: Service | undefined): string[] {
  const { clusterIP, clusterIPs = clusterIP === undefined ? [] : [clusterIP] } = service?.spec ?? {};
  return clusterIPs.filter((address) => address !== "" && address !== "None");
}

function chooseIsolation(podCidrs: readonly string[]): "netns" | "loopback" {
  return canUseNetns() && podCidrs[0]?.startsWith("127.") !== true ? "netns" : "loopback";
}

function isOurs(pod: Pod): boolean {
  const mark = pod.metadata.annotations?.[RUNTIME_MARK] ?? pod.metadata.labels?.[RUNTIME_MARK];
  return mark === undefined || mark === "process";
}

/** The processes of a record that still run. */
function runningPids(record: PodRecord): number[] {
  return Object.values(record.containers).flatMap(({ pid, startTime }) =>
    pid !== undefined && processStartTime(pid) === startTime ? [pid] : [],
  );
}
