/** A pod's state in one word, and its counts, as kubectl shows them. */
import { humanDuration } from "../columns/age.ts";
import { hasEnded } from "./ended.ts";
import type { ContainerStatus, Pod } from "./type.ts";

export interface PodSummary {
  /** "Running", "CrashLoopBackOff", "Init:0/1", "Terminating", ... */
  readonly reason: string;
  readonly ready: number;
  readonly total: number;
  /** "3 (20s ago)"; `now` in milliseconds since the epoch. */
  restarts(now: number): string;
}

/** Restarts and when the last one was (milliseconds since the epoch; undefined if never). */
class RestartCount {
  count = 0;
  last: number | undefined;

  add({ restartCount, lastState }: ContainerStatus): void {
    this.count += restartCount;
    const finished = lastState?.terminated?.finishedAt;
    if (finished === undefined) return;
    const at = Date.parse(finished);
    if (this.last === undefined || at > this.last) this.last = at;
  }
}

export function podSummary(pod: Pod): PodSummary {
  const sidecars = new Set(
    (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === "Always").map(({ name }) => name),
  );
  const init = initContainersState(pod, sidecars);
  let { ready, restarts } = init;
  let reason = init.reason ?? phaseReason(pod);
  if (init.reason === undefined || hasTrueCondition(pod, "Initialized")) {
    const main = containersState(pod, reason);
    ready += main.ready;
    reason = main.reason;
    restarts = init.sidecarRestarts;
    for (const status of pod.status?.containerStatuses ?? []) restarts.add(status);
  }
  return {
    reason: deletionReason(pod) ?? reason,
    ready,
    total: (pod.spec?.containers.length ?? 0) + sidecars.size,
    restarts: (now) =>
      restarts.count > 0 && restarts.last !== undefined
        ? `${restarts.count} (${humanDuration((now - restarts.last) / 1000)} ago)`
        : String(restarts.count),
  };
}

function phaseReason({ status }: Pod): string {
  const gated = status?.conditions?.some(
    ({ type, reason }) => type === "PodScheduled" && reason === "SchedulingGated",
  );
  if (gated === true) return "SchedulingGated";
  return status?.reason ?? status?.phase ?? "";
}

interface InitState {
  /** What the pod waits for; undefined when all init containers are done. */
  readonly reason: string | undefined;
  readonly ready: number;
  readonly restarts: RestartCount;
  readonly sidecarRestarts: RestartCount;
}

function initContainersState(pod: Pod, sidecars: ReadonlySet<string>): InitState {
  const restarts = new RestartCount();
  const sidecarRestarts = new RestartCount();
  let ready = 0;
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    restarts.add(status);
    const isSidecar = sidecars.has(status.name);
    if (isSidecar) sidecarRestarts.add(status);
    const { terminated, waiting } = status.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (isSidecar && status.started === true) {
      if (status.ready) ready++;
      continue;
    }
    let reason = `${index}/${pod.spec?.initContainers?.length ?? 0}`;
    if (terminated !== undefined) reason = terminationReason(terminated);
    else if (waiting?.reason !== undefined && waiting.reason !== "" && waiting.reason !== "PodInitializing")
      reason = waiting.reason;
    return { reason: `Init:${reason}`, ready, restarts, sidecarRestarts };
  }
  return { reason: undefined, ready, restarts, sidecarRestarts };
}

function terminationReason(terminated: { reason?: string; signal?: number; exitCode: number }): string {
  const { reason = "", signal = 0, exitCode } = terminated;
  if (reason !== "") return reason;
  return signal === 0 ? `ExitCode:${exitCode}` : `Signal:${signal}`;
}

/** The first container with something to say decides, hence from the last to the first. */
function containersState(pod: Pod, before: string): { reason: string; ready: number } {
  let reason = before;
  let ready = 0;
  let hasRunning = false;
  for (const status of (pod.status?.containerStatuses ?? []).toReversed()) {
    const { waiting, terminated, running } = status.state ?? {};
    if (waiting?.reason !== undefined && waiting.reason !== "") reason = waiting.reason;
    else if (terminated !== undefined) reason = terminationReason(terminated);
    else if (status.ready && running !== undefined) {
      hasRunning = true;
      ready++;
    }
  }
  if (reason === "Completed" && hasRunning) reason = hasTrueCondition(pod, "Ready") ? "Running" : "NotReady";
  return { reason, ready };
}

function hasTrueCondition({ status }: Pod, wanted: string): boolean {
  return status?.conditions?.some(({ type, status }) => type === wanted && status === "True") === true;
}

function deletionReason(pod: Pod): string | undefined {
  if (pod.metadata.deletionTimestamp === undefined) return undefined;
  if (pod.status?.reason === "NodeLost") return "Unknown";
  return hasEnded(pod) ? undefined : "Terminating";
}
