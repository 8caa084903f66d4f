/** Runs one pod from the moment it is bound to this node until it is gone from the API and from the machine. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { ApiError } from "../../api/api-error.ts";
import { podKind } from "../../api/pod/kind.ts";
import type { Container, ContainerStatus, Pod, PodStatus } from "../../api/pod/type.ts";
import type { Log } from "../../base/log.ts";
import { backoffDelay, pause } from "../../base/backoff.ts";
import type { Client } from "../../client/client.ts";
import { processesWithEnvironment, processStartTime, signalProcess } from "../../sys/process.ts";
import type { ContainerSurroundings } from "./container-runner.ts";
import { ContainerRunner, waitingStatus } from "./container-runner.ts";
import type { ViewTools } from "./container-view.ts";
import { containerEnvironment, POD_UID_VARIABLE, type PodFacts } from "./environment.ts";
import { readSources } from "./environment-sources.ts";
import type { PodNetwork, PodPlace } from "./network.ts";
import { podHostname } from "./pod-hosts.ts";
import type { ContainerRecord, PodRecord, PodRecords } from "./pod-record.ts";
import { podStatus, timeText } from "./pod-status.ts";
import { type PodCluster, writePodView } from "./pod-view.ts";
import type { RestartDelays, RestartPolicy } from "./restart.ts";
import { serviceVariables } from "./service-variables.ts";
import { createStatusWriter, type StatusWriter } from "./status-writer.ts";

export interface PodRunnerParts {
  readonly client: Client;
  readonly network: PodNetwork;
  readonly records: PodRecords;
  readonly stateDir: string;
  readonly bootId: string;
  readonly delays: RestartDelays;
  readonly log: Log;
  /** What pods are told of their cluster. */
  readonly cluster: PodCluster;
  /** Undefined: containers see the machine's files and name. */
  readonly tools: ViewTools | undefined;
}

/** How long a pod that vanished from the API (a forced delete) has to end, in milliseconds. As the kubelet. */
const FORCED_GRACE = 2000;

export class PodRunner {
  readonly uid: string;
  readonly #parts: PodRunnerParts;
  readonly #startTime: string;
  readonly #ending = new AbortController();
  readonly #detach: AbortSignal;
  readonly #status: StatusWriter;
  readonly #init: readonly ContainerRunner[];
  readonly #containers: readonly ContainerRunner[];
  #pod: Pod;
  /** The pod is in the API no more. */
  #gone = false;
  #place: PodPlace | undefined;
  #isAttached = false;
  #finished: boolean;
  #isReleased: boolean;
  /** Why the pod has no place yet. */
  #problem: string | undefined;

  /** `old` is the record of an earlier run, its place restored. `detach` makes the runner let go of everything. */
  constructor(pod: Pod, parts: PodRunnerParts, detach: AbortSignal, old?: PodRecord) {
    this.uid = pod.metadata.uid ?? "";
    this.#pod = pod;
    this.#parts = parts;
    this.#detach = detach;
    this.#startTime = old?.startTime ?? timeText(new Date());
    this.#finished = old?.finished ?? false;
    this.#isReleased = this.#finished;
    if (old !== undefined) {
      this.#place = placeOf(old);
      this.#isAttached = this.#finished || isIntact(old, parts);
    }
    const policy = pod.spec?.restartPolicy ?? "Always";
    const make = (container: Container, restartPolicy: RestartPolicy): ContainerRunner =>
      new ContainerRunner(
        container,
        this.#surroundings(restartPolicy),
        oldRecord(old, container, parts.bootId),
      );
    this.#init = (pod.spec?.initContainers ?? []).map((one) =>
      make(one, policy === "Always" ? "OnFailure" : policy),
    );
    this.#containers = (pod.spec?.containers ?? []).map((one) => make(one, policy));
    this.#status = createStatusWriter({
      client: parts.client,
      log: parts.log,
      pod: () => this.#pod,
      status: () => this.#observe(),
      signal: detach,
    });
    this.update(pod);
    this.#status.changed();
  }

  /** The pod has changed in the API. */
  update(pod: Pod): void {
    this.#pod = pod;
    const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
    if (deletionTimestamp !== undefined) this.#end((deletionGracePeriodSeconds ?? 30) * 1000);
    // Readiness gates are conditions that others write.
    else if (pod.spec?.readinessGates !== undefined) this.#status.changed();
  }

  /** The pod is gone from the API: somebody forced its deletion. */
  removed(): void {
    this.#gone = true;
    this.#end(FORCED_GRACE);
  }

  /** Resolves when nothing of the pod is left, or `detach` has aborted. */
  async run(): Promise<void> {
    if (!this.#finished) await this.#live();
    await either(this.#ending.signal, this.#detach);
    await this.#status.settled();
    if (this.#detach.aborted) return;
    await this.#deletePod();
    if (this.#detach.aborted) return;
    this.#releasePlace();
    rmSync(this.#logDirectory, { recursive: true, force: true });
    rmSync(this.#viewDirectory, { recursive: true, force: true });
    this.#parts.records.remove(this.uid);
  }

  /** From the first address to the end of the last container. */
  async #live(): Promise<void> {
    await this.#takePlace();
    if (this.#isAttached) await this.#runContainers();
    if (this.#detach.aborted) return;
    this.#removePlace();
    this.#finished = true;
    this.#changed();
    if (this.#ending.signal.aborted) return;
    // It has run to its end and stays in the API; once that is told, nobody uses its address any more.
    await this.#status.settled();
    if (!this.#detach.aborted) this.#releasePlace();
  }

  get #logDirectory(): string {
    const { namespace, name } = this.#pod.metadata;
    return join(this.#parts.stateDir, "logs", `${namespace}_${name}_${this.uid}`);
  }

  get #viewDirectory(): string {
    return viewDirectory(this.#parts.stateDir, this.uid);
  }

  async #environment(container: Container): Promise<Record<string, string>> {
    const { client, cluster } = this.#parts;
    const namespace = this.#pod.metadata.namespace ?? "default";
    const sources = await readSources(client, namespace, container);
    const enableServiceLinks = this.#pod.spec?.enableServiceLinks ?? true;
    const services = serviceVariables({ services: cluster.services(), namespace, enableServiceLinks });
    return containerEnvironment(this.#pod, container, this.#facts!, process.env, { services, ...sources });
  }

  get #key(): string {
    return `${this.#pod.metadata.namespace}/${this.#pod.metadata.name}`;
  }

  get #facts(): PodFacts | undefined {
    if (this.#place === undefined || !this.#isAttached) return undefined;
    return {
      hostname: podHostname(this.#pod, this.#parts.cluster.domain).hostname,
      podIPs: this.#place.addresses,
      hostIPs: this.#parts.network.hostIPs,
    };
  }

  #surroundings(restartPolicy: RestartPolicy): ContainerSurroundings {
    const { parts, pod } = { parts: this.#parts, pod: this.#pod };
    return {
      pod: this.#key,
      podIP: () => this.#place?.addresses[0] ?? "",
      netns: () => this.#place?.netns,
      waitsFor: (pod.spec?.initContainers ?? []).length > 0 ? "PodInitializing" : "ContainerCreating",
      restartPolicy,
      gracePeriod: pod.spec?.terminationGracePeriodSeconds ?? 30,
      environment: (container) => this.#environment(container),
      view: () =>
        parts.tools &&
        writePodView(this.#pod, this.#viewDirectory, this.#place?.addresses ?? [], parts.cluster),
      tools: parts.tools,
      logFile: (container, restartCount) => join(this.#logDirectory, container, `${restartCount}.log`),
      onChange: () => this.#changed(),
      delays: parts.delays,
      log: parts.log,
    };
  }

  #end(graceMilliseconds: number): void {
    this.#ending.abort();
    for (const runner of [...this.#init, ...this.#containers]) runner.stop(graceMilliseconds);
    this.#status.changed();
  }

  /** Finds or makes the pod's place in the network; tries again while there is none to be had. */
  async #takePlace(): Promise<void> {
    const { network, log, records } = this.#parts;
    for (let failures = 0; !this.#isAttached && !this.#ending.signal.aborted && !this.#detach.aborted;) {
      try {
        this.#place ??= this.#reserve();
        // Before anything is made, so that a record is there for all that could be left.
        records.save(this.#record());
        await network.attach(this.uid, this.#place);
        this.#isAttached = true;
        this.#problem = undefined;
        this.#status.changed();
      } catch (err) {
        log.warn({ err, pod: this.#key }, "a pod has no network yet, trying again");
        this.#problem = `no network: ${err instanceof Error ? err.message : String(err)}`;
        this.#status.changed();
        const over = AbortSignal.any([this.#ending.signal, this.#detach]);
        await pause(backoffDelay(++failures, { initial: 200 }), over);
      }
    }
  }

  #reserve(): PodPlace {
    const { network } = this.#parts;
    const place = network.reserve({ uid: this.uid, name: this.#pod.metadata.name ?? "" });
    if (place === undefined) throw new Error(`all addresses are taken (${network.description})`);
    return place;
  }

  /** Init containers one after the other, then all others; resolves when none is to be started again. */
  async #runContainers(): Promise<void> {
    for (const runner of this.#init) if (!(await runner.run(this.#detach))) return;
    await Promise.all(this.#containers.map((runner) => runner.run(this.#detach)));
  }

  /** Ends what may still run and takes the network away. */
  #removePlace(): void {
    if (this.#place === undefined) return;
    endStragglers(this.uid, this.#parts, this.#place);
    this.#parts.network.detach(this.uid, this.#place);
  }

  #releasePlace(): void {
    if (this.#place === undefined || this.#isReleased) return;
    this.#isReleased = true;
    this.#parts.network.release(this.#place);
  }

  async #deletePod(): Promise<void> {
    const { client, log } = this.#parts;
    const { namespace, name } = this.#pod.metadata;
    const object = { namespace: namespace ?? "default", name: name ?? "" };
    for (let failures = 0; !this.#gone && !this.#detach.aborted;) {
      try {
        await client.delete(podKind, object, { gracePeriodSeconds: 0, preconditions: { uid: this.uid } });
        return;
      } catch (err) {
        // Gone, or another pod of the same name by now.
        if (err instanceof ApiError && (err.code === 404 || err.code === 409)) return;
        log.warn({ err, pod: this.#key }, "an ended pod could not be deleted, trying again");
        await pause(backoffDelay(++failures), this.#detach);
      }
    }
  }

  /** A container has changed: recorded before anything else can happen, told in the next turn. */
  #changed(): void {
    try {
      if (this.#place !== undefined) this.#parts.records.save(this.#record());
    } catch (err) {
      this.#parts.log.error(
        { err, pod: this.#key },
        "a pod's record could not be written: a restart may lose it",
      );
    }
    this.#status.changed();
  }

  #record(): PodRecord {
    const { namespace, name } = this.#pod.metadata;
    const runners = [...this.#init, ...this.#containers];
    return {
      version: 1,
      bootId: this.#parts.bootId,
      uid: this.uid,
      namespace: namespace ?? "default",
      name: name ?? "",
      startTime: this.#startTime,
      addresses: this.#place?.addresses ?? [],
      ...(this.#place?.netns !== undefined && { netns: this.#place.netns }),
      ...(this.#finished && { finished: true }),
      containers: Object.fromEntries(runners.map(({ container, record }) => [container.name, record])),
    };
  }

  #observe(): PodStatus {
    const show = ({ container, status }: ContainerRunner): ContainerStatus =>
      this.#problem === undefined || status.state?.waiting === undefined
        ? status
        : waitingStatus(container, status.state.waiting.reason ?? "", this.#problem);
    return podStatus(
      this.#pod,
      {
        facts: this.#facts,
        startTime: this.#startTime,
        init: this.#init.map(show),
        containers: this.#containers.map(show),
        terminating: this.#ending.signal.aborted,
      },
      new Date(),
    );
  }
}

/** Where the files are that the pod's containers see in place of the machine's. */
export function viewDirectory(stateDir: string, uid: string): string {
  return join(stateDir, "etc", uid);
}

/** Ends the processes of a pod that its containers left behind. In a namespace, detach() ends them all. */
export function endStragglers(
  uid: string,
  { network }: Pick<PodRunnerParts, "network">,
  place: PodPlace,
): void {
  if (place.netns !== undefined && place.netns !== network.nodeNetns) return;
  for (const pid of processesWithEnvironment(POD_UID_VARIABLE, uid)) signalProcess(pid, "SIGKILL");
}

export function placeOf({ addresses, netns }: PodRecord): PodPlace {
  return { addresses, ...(netns !== undefined && { netns }) };
}

/** Whether a process of the record still runs in its place, so that the place must be kept as it is. */
function isIntact(old: PodRecord, { bootId, network }: PodRunnerParts): boolean {
  if (old.bootId !== bootId || !network.isAttached(placeOf(old))) return false;
  return Object.values(old.containers).some(
    ({ pid, startTime }) => pid !== undefined && processStartTime(pid) === startTime,
  );
}

/** A container's record; without the process if that was before the machine was started anew. */
function oldRecord(
  old: PodRecord | undefined,
  container: Container,
  bootId: string,
): ContainerRecord | undefined {
  const record = old?.containers[container.name];
  return record === undefined || old!.bootId === bootId ? record : { status: record.status };
}

async function either(...signals: AbortSignal[]): Promise<void> {
  const any = AbortSignal.any(signals);
  if (any.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  any.addEventListener("abort", () => resolve(), { once: true });
  await promise;
}
