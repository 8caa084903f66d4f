/** The Pod that mirrors a container, as a function of what the engine says of it. Pure. */
import { WEIGHT_ANNOTATION } from "../../api/endpointslice/weights.ts";
import { otherNetworksCondition } from "../../api/pod/other-networks.ts";
import type {
  Container,
  ContainerPort,
  ContainerState as PodContainerState,
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
} from "../../api/pod/type.ts";
import type { ContainerInspect, ContainerState } from "./engine-types.ts";
import {
  CONTAINER_ID_ANNOTATION,
  CONTAINER_NAME_ANNOTATION,
  CONTAINER_NETWORK_ANNOTATION,
  RUNTIME_MARK,
  RUNTIME_NAME,
  UNUSABLE_LABELS_ANNOTATION,
} from "./marks.ts";
import { type AddressContext, type PodAddresses, podAddresses } from "./pod-addresses.ts";
import { containerName, podLabels, podName, specContainerName } from "./pod-name.ts";
import { type Readiness, readinessOf } from "./readiness.ts";
import { type TenantContext, tenantOf } from "./tenant.ts";

export interface PodContext extends AddressContext, TenantContext {
  readonly nodeName: string;
}

/** Of the Pod that the container has now. */
export interface PodBefore {
  /** undefined: it has none. */
  readonly namespace?: string | undefined;
  /** The container was told to stop. */
  readonly stopping?: boolean;
}

/** Docker's, when neither image nor `--stop-timeout` says: seconds from the stop signal to SIGKILL. */
const DEFAULT_STOP_TIMEOUT = 10;
/** For `--stop-timeout -1` (for ever): the longest that a Pod is shown as terminating without being looked at again. */
const ENDLESS_STOP_TIMEOUT = 3600;

/** How long a container may take to stop, in whole seconds. */
export function stopTimeout({ Config }: ContainerInspect): number {
  const seconds = Config.StopTimeout ?? DEFAULT_STOP_TIMEOUT;
  return seconds < 0 ? ENDLESS_STOP_TIMEOUT : seconds;
}

/** Whole: metadata, spec and status. Transition times of conditions are left to the writer, which knows the Pod before. */
export function podOf(container: ContainerInspect, context: PodContext, before: PodBefore = {}): Pod {
  const { labels, unusable } = podLabels(container.Config.Labels ?? {});
  const namespace = tenantOf(container, context, before.namespace, before.stopping === true);
  const name = podName(container);
  // A container has labels only, so its weight is one; a Pod's is an annotation.
  const weight = labels[WEIGHT_ANNOTATION];
  const where = podAddresses(container, context);
  const readiness = readinessOf(container, where.missing);
  const isUp = readiness.phase === "Running" && !container.State.Restarting;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      labels,
      annotations: {
        [RUNTIME_MARK]: RUNTIME_NAME,
        [CONTAINER_ID_ANNOTATION]: container.Id,
        [CONTAINER_NAME_ANNOTATION]: containerName(container),
        ...(isUp && where.network !== undefined && { [CONTAINER_NETWORK_ANNOTATION]: where.network }),
        ...(weight !== undefined && { [WEIGHT_ANNOTATION]: weight }),
        ...(Object.keys(unusable).length > 0 && { [UNUSABLE_LABELS_ANNOTATION]: JSON.stringify(unusable) }),
      },
    },
    spec: {
      nodeName: context.nodeName,
      containers: [specContainer(container, specContainerName(name))],
      restartPolicy: restartPolicy(container),
      terminationGracePeriodSeconds: stopTimeout(container),
      ...(where.hostNetwork && { hostNetwork: true }),
      // Nothing of Kubernetes' is put into a container that somebody else runs.
      enableServiceLinks: false,
    },
    status: podStatus(container, context, isUp ? where : undefined, readiness),
  };
}

function specContainer({ Config, Image, ...rest }: ContainerInspect, name: string): Container {
  const ports = Object.keys(Config.ExposedPorts ?? {})
    .map(parsePort)
    .filter((port) => port !== undefined)
    .sort((a, b) => a.containerPort - b.containerPort || (a.protocol! < b.protocol! ? -1 : 1));
  if (rest.HostConfig.NetworkMode === "host") for (const port of ports) port.hostPort = port.containerPort;
  return { name, image: Config.Image || Image, ...(ports.length > 0 && { ports }) };
}

/** "80/tcp" as port 80 with the name p-80-tcp, for a Service's targetPort. */
function parsePort(text: string): ContainerPort | undefined {
  const [, digits, protocol] = /^(\d+)\/(tcp|udp|sctp)$/.exec(text) ?? [];
  const containerPort = Number(digits);
  if (protocol === undefined || containerPort < 1 || containerPort > 65535) return undefined;
  return {
    name: `p-${containerPort}-${protocol}`,
    containerPort,
    protocol: protocol.toUpperCase() as "TCP" | "UDP" | "SCTP",
  };
}

function restartPolicy({ HostConfig }: ContainerInspect): "Always" | "OnFailure" | "Never" {
  const name = HostConfig.RestartPolicy?.Name;
  if (name === "always" || name === "unless-stopped") return "Always";
  return name === "on-failure" ? "OnFailure" : "Never";
}

/** `where` is undefined for a container that does not run: its address may be another's by now. */
function podStatus(
  container: ContainerInspect,
  { nodeAddresses }: PodContext,
  where: PodAddresses | undefined,
  readiness: Readiness,
): PodStatus {
  const [podIP] = where?.addresses ?? [];
  const isElsewhere = Object.keys(where?.others ?? {}).length > 0;
  const [hostIP] = nodeAddresses;
  return {
    phase: readiness.phase,
    conditions: [...conditions(readiness), ...(isElsewhere ? [otherNetworksCondition(where!.others)] : [])],
    ...(hostIP !== undefined && { hostIP, hostIPs: [{ ip: hostIP }] }),
    ...(podIP !== undefined && { podIP, podIPs: where!.addresses.map((ip) => ({ ip })) }),
    startTime: wholeSeconds(container.Created)!,
    containerStatuses: [containerStatus(container, readiness)],
  };
}

function conditions({ phase, ready, reason, message }: Readiness): PodCondition[] {
  const why = { ...(reason !== undefined && { reason }), ...(message !== undefined && { message }) };
  const status = ready ? "True" : "False";
  return [
    { type: "PodScheduled", status: "True" },
    { type: "Initialized", status: phase === "Pending" ? "False" : "True" },
    { type: "ContainersReady", status, ...why },
    { type: "Ready", status, ...why },
  ];
}

function containerStatus(container: ContainerInspect, readiness: Readiness): ContainerStatus {
  const { Config, Image, State, Id } = container;
  return {
    name: specContainerName(podName(container)),
    state: containerState(State, Id, readiness),
    ready: readiness.ready,
    started: State.Running && !State.Restarting,
    restartCount: container.RestartCount ?? 0,
    image: Config.Image || Image,
    imageID: `docker://${Image}`,
    containerID: `docker://${Id}`,
  };
}

function containerState(state: ContainerState, id: string, readiness: Readiness): PodContainerState {
  const startedAt = wholeSeconds(state.StartedAt);
  const finishedAt = wholeSeconds(state.FinishedAt);
  if (readiness.phase === "Pending" || state.Restarting) {
    const { reason, message } = readiness;
    return {
      waiting: { ...(reason !== undefined && { reason }), ...(message !== undefined && { message }) },
    };
  }
  if (readiness.phase === "Running") return { running: startedAt === undefined ? {} : { startedAt } };
  const signal = state.ExitCode > 128 ? state.ExitCode - 128 : undefined;
  const reason =
    state.OOMKilled === true ? "OOMKilled" : readiness.phase === "Succeeded" ? "Completed" : "Error";
  return {
    terminated: {
      exitCode: state.ExitCode,
      reason,
      containerID: `docker://${id}`,
      ...(signal !== undefined && { signal }),
      ...(startedAt !== undefined && { startedAt }),
      ...(finishedAt !== undefined && { finishedAt }),
    },
  };
}

/** The engine's time as metav1.Time has it; undefined for its "never", the year 1. */
function wholeSeconds(text: string): string | undefined {
  const time = Date.parse(text);
  return Number.isNaN(time) || time <= 0 ? undefined : `${new Date(time).toISOString().slice(0, 19)}Z`;
}
