/**
 * Keeps one container of a pod running: starts its process, probes it, starts it again as the restart policy says,
 * and ends it within a grace period.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { Container, ContainerState, ContainerStatus } from "../../api/pod/type.ts";
import { type Log } from "../../base/log.ts";
import { backoffDelay, pause } from "../../base/backoff.ts";
import { ApiError } from "../../api/api-error.ts";
import type { ContainerExit, ContainerProcess } from "./container-process.ts";
import { adoptProcess, lostExit, startProcess } from "./container-process.ts";
import { type ContainerView, type ViewTools, viewOf } from "./container-view.ts";
import { ContainerConfigError, containerCommand, MissingReferenceError } from "./environment.ts";
import { runHook } from "./lifecycle.ts";
import type { ContainerRecord } from "./pod-record.ts";
import { timeText } from "./pod-status.ts";
import { type ProbeTarget, probeOnce } from "./probe.ts";
import { runProbes } from "./prober.ts";
import type { RestartDelays, RestartPolicy } from "./restart.ts";
import { RestartBackoff, shouldRestart } from "./restart.ts";

/** Between looks for a ConfigMap or Secret that a container needs; a kubelet looks about every ten seconds. Milliseconds. */
const CONFIG_BACKOFF = { initial: 250, limit: 10_000 };

/** What a container needs to know of its pod. */
export interface ContainerSurroundings {
  /** "namespace/name", for messages. */
  readonly pod: string;
  /** The pod's place; asked for when the container is started. */
  readonly podIP: () => string;
  readonly netns: () => string | undefined;
  /** What the container waits for before it is started the first time: "ContainerCreating". */
  readonly waitsFor: string;
  readonly restartPolicy: RestartPolicy;
  /** Seconds between the stop signal and the kill when it is not the pod's deletion that ends the container. */
  readonly gracePeriod: number;
  /** Rejects with ContainerConfigError, or with what the API answers. */
  readonly environment: (container: Container) => Promise<Record<string, string>>;
  /** What the container sees in place of the machine's files; undefined: the machine's own. Written anew at each start. */
  readonly view: () => ContainerView | undefined;
  /** Undefined: containers have no view of their own here. */
  readonly tools: ViewTools | undefined;
  /** Where the output of the n-th run goes. */
  readonly logFile: (container: string, restartCount: number) => string;
  /** Called after each change of the runner's record, before anything is waited for. */
  readonly onChange: () => void;
  readonly delays: RestartDelays;
  readonly log: Log;
}

/** The status of a container that has not been started. */
export function waitingStatus(container: Container, reason: string, message?: string): ContainerStatus {
  return {
    name: container.name,
    state: { waiting: { reason, ...(message !== undefined && { message }) } },
    ready: false,
    started: false,
    restartCount: 0,
    image: container.image ?? "",
    imageID: "",
  };
}

export class ContainerRunner {
  readonly container: Container;
  readonly #in: ContainerSurroundings;
  readonly #backoff: RestartBackoff;
  readonly #stopped = new AbortController();
  #record: ContainerRecord;
  #process: ContainerProcess | undefined;
  /** Of the last start. */
  #environment: Record<string, string> | undefined;
  /** Whether what keeps the container from starting can come by itself. */
  #mayHeal = false;
  #configFailures = 0;
  #killTimer: NodeJS.Timeout | undefined;
  /** When the running process is killed, and when the container must be over, on the clock of performance.now(). */
  #killAt = Infinity;
  #stopAt = Infinity;

  /** `record` is what an earlier run of fairlead left of the container. */
  constructor(container: Container, surroundings: ContainerSurroundings, record?: ContainerRecord) {
    this.container = container;
    this.#in = surroundings;
    this.#backoff = new RestartBackoff(surroundings.delays);
    this.#record = record ?? { status: waitingStatus(container, surroundings.waitsFor) };
  }

  get record(): ContainerRecord {
    return this.#record;
  }

  get status(): ContainerStatus {
    return this.#record.status;
  }

  /**
   * Resolves when the container has ended and is not to be started again: with true if it succeeded. When `detach`
   * aborts, the process is left running and this resolves at once.
   */
  async run(detach: AbortSignal): Promise<boolean> {
    try {
      let exit = this.#adopt();
      for (;;) {
        if (this.#process !== undefined) exit = await this.#follow(this.#process, detach);
        if (detach.aborted) return false;
        if (exit !== undefined && !shouldRestart(this.#in.restartPolicy, exit.code)) return exit.code === 0;
        if (this.#stopped.signal.aborted) return exit?.code === 0;
        if (exit !== undefined) await this.#waitForRestart(exit, detach);
        if (detach.aborted || this.#stopped.signal.aborted) return false;
        exit = await this.#start();
        // Without a configuration that can run there is nothing to do but to be deleted, or to look again.
        if (exit === undefined && this.#process === undefined) await this.#waitForConfig(detach);
      }
    } finally {
      clearTimeout(this.#killTimer);
      this.#process?.[Symbol.dispose]();
    }
  }

  /**
   * Ends the container: SIGTERM now, SIGKILL after `graceMilliseconds`. Called again it can only make it sooner.
   */
  stop(graceMilliseconds: number): void {
    this.#stopAt = Math.min(this.#stopAt, performance.now() + graceMilliseconds);
    const isFirst = !this.#stopped.signal.aborted;
    this.#stopped.abort();
    if (this.#process !== undefined) this.#end(this.#process, isFirst, this.#stopAt);
  }

  /** From here on `running` is what stop() ends; it may have been called while the process was being started. */
  #hold(running: ContainerProcess): void {
    this.#process = running;
    if (this.#stopped.signal.aborted) this.#end(running, true, this.#stopAt);
  }

  #end(running: ContainerProcess, terminate: boolean, killAt: number): void {
    if (terminate) void this.#terminate(running, killAt);
    if (killAt >= this.#killAt) return;
    this.#killAt = killAt;
    clearTimeout(this.#killTimer);
    this.#killTimer = setTimeout(() => running.signal("SIGKILL"), Math.max(0, killAt - performance.now()));
  }

  /** The hook that was asked for first, and for as long as there is time; then SIGTERM. */
  async #terminate(running: ContainerProcess, killAt: number): Promise<void> {
    const { lifecycle, name } = this.container;
    if (lifecycle?.preStop !== undefined)
      try {
        const over = AbortSignal.timeout(Math.max(0, Math.round(killAt - performance.now())));
        await runHook(lifecycle.preStop, await this.#target(running), over, running.exited);
      } catch (err) {
        // As the kubelet: it is told, and the container ends all the same.
        this.#in.log.warn({ err, pod: this.#in.pod, container: name }, "a preStop hook failed");
      }
    if (this.#process === running) running.signal("SIGTERM");
  }

  /** Takes up what the record says: a process that still runs, or one that ended (or was lost) meanwhile. */
  #adopt(): ContainerExit | undefined {
    const { status, pid, startTime } = this.#record;
    const { running, terminated } = status.state ?? {};
    if (running !== undefined) {
      const startedAt = new Date(running.startedAt ?? Date.now());
      const adopted = adoptProcess(pid, startTime, startedAt);
      if (adopted !== undefined) {
        this.#hold(adopted);
        return undefined;
      }
      const exit = lostExit("the process ended while fairlead was not running");
      this.#ended(exit, startedAt);
      return exit;
    }
    const last = terminated ?? status.lastState?.terminated;
    if (last === undefined) return undefined;
    return {
      code: last.exitCode,
      reason: last.reason ?? "Unknown",
      at: new Date(last.finishedAt ?? Date.now()),
    };
  }

  /** Starts the process; gives how it ended if it could not even start. */
  async #start(): Promise<ContainerExit | undefined> {
    const { container } = this;
    try {
      const environment = await this.#in.environment(container);
      this.#environment = environment;
      if (this.#stopped.signal.aborted) return undefined;
      const argv = containerCommand(container, environment);
      if (argv.length === 0) {
        this.#waiting("ErrImageNeverPull", noCommand(container));
        return undefined;
      }
      const { restartCount } = this.status;
      const hasRun = this.status.lastState !== undefined || this.status.state?.terminated !== undefined;
      const view = this.#in.view();
      const { tools } = this.#in;
      const running = await startProcess({
        argv,
        view: view === undefined || tools === undefined ? undefined : { tools, view },
        environment,
        workingDir: container.workingDir,
        netns: this.#in.netns(),
        logFile: this.#in.logFile(container.name, restartCount + Number(hasRun)),
      });
      this.#started(running, restartCount + Number(hasRun));
      this.#configFailures = 0;
      this.#hold(running);
      void this.#afterStart(running);
      return undefined;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof ContainerConfigError || error instanceof ApiError) {
        this.#mayHeal = error instanceof MissingReferenceError || error instanceof ApiError;
        this.#waiting("CreateContainerConfigError", message);
        return undefined;
      }
      this.#in.log.warn(
        { err: error, pod: this.#in.pod, container: container.name },
        "a container did not start",
      );
      const exit = { code: 128, reason: "StartError", message, at: new Date() };
      this.#ended(exit, exit.at);
      return exit;
    }
  }

  /** A postStart hook that fails ends the container, as a liveness probe does. */
  async #afterStart(running: ContainerProcess): Promise<void> {
    const { lifecycle, name } = this.container;
    if (lifecycle?.postStart === undefined) return;
    try {
      await runHook(lifecycle.postStart, await this.#target(running), this.#stopped.signal, running.exited);
    } catch (err) {
      if (this.#stopped.signal.aborted || this.#process !== running) return;
      this.#in.log.warn({ err, pod: this.#in.pod, container: name }, "a postStart hook ends a container");
      this.#end(running, true, performance.now() + this.#in.gracePeriod * 1000);
    }
  }

  /** Probes the process until it ends. */
  async #follow(running: ContainerProcess, detach: AbortSignal): Promise<ContainerExit | undefined> {
    const over = new AbortController();
    const probing = this.#probe(running, AbortSignal.any([over.signal, detach]));
    const exit = await Promise.race([running.exited, aborted(detach)]);
    over.abort();
    await probing;
    if (exit === undefined) return undefined;
    running[Symbol.dispose]();
    this.#process = undefined;
    clearTimeout(this.#killTimer);
    this.#killAt = Infinity;
    this.#ended(exit, running.startedAt);
    return exit;
  }

  async #probe(running: ContainerProcess, signal: AbortSignal): Promise<void> {
    const { container } = this;
    const target = await this.#target(running);
    await runProbes({
      startup: container.startupProbe,
      readiness: container.readinessProbe,
      liveness: container.livenessProbe,
      ask: (probe, signal) => probeOnce(probe, target, signal),
      onVerdict: ({ started, ready }) => {
        if (!signal.aborted) this.#set({ ...this.status, started, ready });
      },
      onFatal: (message) => {
        this.#in.log.warn(
          { pod: this.#in.pod, container: container.name, message },
          "a probe ends a container",
        );
        const seconds = container.livenessProbe?.terminationGracePeriodSeconds ?? this.#in.gracePeriod;
        this.#end(running, true, performance.now() + seconds * 1000);
      },
      signal,
    });
  }

  /** Where probes and hooks find the process. */
  async #target({ pid }: ContainerProcess): Promise<ProbeTarget> {
    const { container } = this;
    const { tools } = this.#in;
    try {
      this.#environment ??= await this.#in.environment(container);
    } catch (error) {
      // It ran with this configuration before; an adopted process is followed without probes that need it.
      this.#in.log.warn(
        { err: error, pod: this.#in.pod, container: container.name },
        "no environment for probes",
      );
    }
    return {
      container,
      podIP: this.#in.podIP(),
      netns: this.#in.netns(),
      environment: this.#environment ?? {},
      enter: tools === undefined ? [] : viewOf(tools, pid),
    };
  }

  async #waitForConfig(detach: AbortSignal): Promise<void> {
    const over = AbortSignal.any([this.#stopped.signal, detach]);
    if (this.#mayHeal) await pause(backoffDelay(++this.#configFailures, CONFIG_BACKOFF), over);
    else await aborted(over);
  }

  async #waitForRestart(exit: ContainerExit, detach: AbortSignal): Promise<void> {
    const startedAt =
      this.status.lastState?.terminated?.startedAt ?? this.status.state?.terminated?.startedAt;
    const ranFor = startedAt === undefined ? 0 : exit.at.getTime() - Date.parse(startedAt);
    const delay = this.#backoff.ended(ranFor);
    if (delay === 0) return;
    const text = `back-off ${Math.round(delay / 1000)}s restarting failed container=${this.container.name} pod=${this.#in.pod}`;
    const { state } = this.status;
    const lastState = state?.terminated === undefined ? this.status.lastState : state;
    this.#set({
      ...this.status,
      state: { waiting: { reason: "CrashLoopBackOff", message: text } },
      ...(lastState !== undefined && { lastState }),
    });
    await pause(delay, AbortSignal.any([detach, this.#stopped.signal]));
  }

  #started(running: ContainerProcess, restartCount: number): void {
    const { container, status } = this;
    const lastState = status.state?.terminated === undefined ? status.lastState : status.state;
    this.#set(
      {
        ...waitingStatus(container, ""),
        restartCount,
        state: { running: { startedAt: timeText(running.startedAt) } },
        ...(lastState !== undefined && { lastState }),
        containerID: containerId(running),
        // Without probes a container is ready as soon as it runs.
        started: container.startupProbe === undefined,
        ready: container.startupProbe === undefined && container.readinessProbe === undefined,
      },
      running,
    );
  }

  #ended(exit: ContainerExit, startedAt: Date): void {
    const message = exit.message ?? (exit.code === 0 ? undefined : this.#lastWords());
    const terminated: NonNullable<ContainerState["terminated"]> = {
      exitCode: exit.code,
      reason: exit.reason,
      startedAt: timeText(startedAt),
      finishedAt: timeText(exit.at),
      ...(exit.signal !== undefined && { signal: exit.signal }),
      ...(message !== undefined && message !== "" && { message }),
      ...(this.status.containerID !== undefined && { containerID: this.status.containerID }),
    };
    this.#set({ ...this.status, state: { terminated }, ready: false, started: false });
  }

  #waiting(reason: string, message: string): void {
    this.#set({ ...this.status, state: { waiting: { reason, message } }, ready: false, started: false });
  }

  #set(status: ContainerStatus, running?: ContainerProcess): void {
    const process = running ?? (status.state?.running === undefined ? undefined : this.#process);
    this.#record =
      process === undefined ? { status } : { status, pid: process.pid, startTime: process.startTime };
    this.#in.onChange();
  }

  /** The end of the output, as Kubernetes' FallbackToLogsOnError has it: at most 2048 bytes. */
  #lastWords(): string {
    const log = openSync(this.#in.logFile(this.container.name, this.status.restartCount), "a+");
    try {
      const { size } = fstatSync(log);
      const tail = Buffer.alloc(Math.min(size, 2048));
      readSync(log, tail, 0, tail.length, size - tail.length);
      return tail.toString();
    } finally {
      closeSync(log);
    }
  }
}

function containerId({ pid, startTime }: ContainerProcess): string {
  return `process://${pid}-${startTime}`;
}

function noCommand({ name, image }: Container): string {
  const what = image === undefined || image === "" ? "it" : `image ${JSON.stringify(image)}`;
  return (
    `fairlead runs pods as processes of this machine and pulls no images, so ${what} says nothing: ` +
    `give container ${name} a command that this machine has, such as ["python3", "-m", "http.server"]`
  );
}

/** Resolves when one of the signals aborts. */
async function aborted(...signals: AbortSignal[]): Promise<undefined> {
  const any = AbortSignal.any(signals);
  if (any.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  any.addEventListener("abort", () => resolve(), { once: true });
  await promise;
}
