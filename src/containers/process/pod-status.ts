/** The status of a Pod from what its containers do, as a kubelet writes it. Pure. */
import type { Time } from "../../api/meta/type.ts";
import type { ContainerStatus, Pod, PodCondition, PodStatus } from "../../api/pod/type.ts";
import type { PodFacts } from "./environment.ts";
import type { RestartPolicy } from "./restart.ts";
import { shouldRestart } from "./restart.ts";

/** What the runner knows of a pod. */
export interface PodObservation {
  readonly facts: PodFacts | undefined;
  readonly startTime: Time;
  readonly init: readonly ContainerStatus[];
  readonly containers: readonly ContainerStatus[];
  /** Whether the pod is being deleted: nothing is started again. */
  readonly terminating: boolean;
}

/** RFC 3339 with whole seconds. */
export function timeText(date: Date): Time {
  return `${date.toISOString().slice(0, 19)}Z`;
}

export function podStatus(pod: Pod, observed: PodObservation, now: Date): PodStatus {
  const { facts, init, containers } = observed;
  const phase = podPhase(pod, observed);
  const status: PodStatus = {
    phase,
    conditions: podConditions(pod, observed, phase, timeText(now)),
    startTime: observed.startTime,
    containerStatuses: [...containers],
  };
  if (init.length > 0) status.initContainerStatuses = [...init];
  if (facts !== undefined) {
    status.hostIP = facts.hostIPs[0]!;
    status.hostIPs = facts.hostIPs.map((ip) => ({ ip }));
    status.podIP = facts.podIPs[0]!;
    status.podIPs = facts.podIPs.map((ip) => ({ ip }));
  }
  return status;
}

/** Kubernetes' pod phases (v1 PodStatus, field phase). */
export function podPhase(pod: Pod, observed: PodObservation): NonNullable<PodStatus["phase"]> {
  const policy = pod.spec?.restartPolicy ?? "Always";
  const initPolicy = policy === "Always" ? "OnFailure" : policy;
  const { init, containers, terminating } = observed;
  const over = (one: ContainerStatus, policy: RestartPolicy): boolean =>
    exitCode(one) !== undefined && (terminating || !shouldRestart(policy, exitCode(one)!));
  if (init.some((one) => over(one, initPolicy) && exitCode(one) !== 0)) return "Failed";
  if (containers.every((one) => over(one, policy)))
    return containers.every((one) => exitCode(one) === 0) ? "Succeeded" : "Failed";
  const begun = containers.every((one) => one.state?.waiting === undefined || one.lastState !== undefined);
  return begun ? "Running" : "Pending";
}

/** How the container ended, if it is ended or waits to be started again. */
function exitCode({ state, lastState }: ContainerStatus): number | undefined {
  if (state?.running !== undefined) return undefined;
  return (state?.terminated ?? lastState?.terminated)?.exitCode;
}

function podConditions(
  pod: Pod,
  observed: PodObservation,
  phase: NonNullable<PodStatus["phase"]>,
  now: Time,
): PodCondition[] {
  const { facts, init, containers } = observed;
  const notInitialized = init.filter(({ state }) => state?.terminated?.exitCode !== 0);
  const notReady = containers.filter(({ ready }) => !ready);
  const initialized = condition(
    "Initialized",
    notInitialized.length === 0,
    "ContainersNotInitialized",
    `containers with incomplete status: [${names(notInitialized)}]`,
  );
  const isReady = notReady.length === 0 && containers.length > 0;
  const containersReady = condition(
    "ContainersReady",
    isReady,
    phase === "Succeeded" ? "PodCompleted" : phase === "Failed" ? "PodFailed" : "ContainersNotReady",
    phase === "Succeeded" ? undefined : `containers with unready status: [${names(notReady)}]`,
  );
  const gate = isReady ? closedGate(pod) : undefined;
  const ready =
    gate === undefined
      ? { ...containersReady, type: "Ready" }
      : condition(
          "Ready",
          false,
          "ReadinessGatesNotReady",
          `the status of pod readiness gate "${gate}" is not "True"`,
        );
  const ours: PodCondition[] = [
    condition(
      "PodReadyToStartContainers",
      facts !== undefined && phase !== "Succeeded" && phase !== "Failed",
    ),
    initialized,
    ready,
    containersReady,
    condition("PodScheduled", true),
  ];
  return merge(pod.status?.conditions ?? [], ours, now);
}

/** The first readiness gate (v1 PodSpec, field readinessGates) whose condition is not True. */
function closedGate(pod: Pod): string | undefined {
  const isOpen = (type: string): boolean =>
    pod.status?.conditions?.some((one) => one.type === type && one.status === "True") ?? false;
  return pod.spec?.readinessGates?.map(({ conditionType }) => conditionType).find((type) => !isOpen(type));
}

function condition(type: string, holds: boolean, reason?: string, message?: string): PodCondition {
  if (holds) return { type, status: "True" };
  return {
    type,
    status: "False",
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
  };
}

/** Ours with the time of their last change; other writers' conditions (readiness gates) are kept. */
function merge(old: readonly PodCondition[], ours: readonly PodCondition[], now: Time): PodCondition[] {
  const stamped = ours.map((one) => {
    const before = old.find(({ type }) => type === one.type);
    const lastTransitionTime = before?.status === one.status ? (before.lastTransitionTime ?? now) : now;
    return { ...one, lastTransitionTime };
  });
  return [...stamped, ...old.filter(({ type }) => !ours.some((one) => one.type === type))];
}

function names(containers: readonly ContainerStatus[]): string {
  return containers.map(({ name }) => name).join(" ");
}
