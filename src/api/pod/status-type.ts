/** v1 Pod: the status of pods and containers. */
import type { Quantity, Time } from "../meta/type.ts";
import type { ResourceRequirements } from "./container-type.ts";

/** What runs at present. */
export interface PodStatus {
  /** The generation that this was true of. */
  observedGeneration?: number;
  /** Where the pod is in its life. */
  phase?: "Pending" | "Running" | "Succeeded" | "Failed" | "Unknown";
  /** The pod's conditions. */
  conditions?: PodCondition[];
  /** Why the pod is in this state, for people. */
  message?: string;
  /** Why the pod is in this state, as one word for programs. */
  reason?: string;
  /** The node that room is being made on. */
  nominatedNodeName?: string;
  /** The node's address. */
  hostIP?: string;
  /** The node's addresses. */
  hostIPs?: HostIP[];
  /** The pod's address. */
  podIP?: string;
  /** The pod's addresses, at most one a family; the first equals `podIP`. */
  podIPs?: PodIP[];
  /** When the node took the pod. */
  startTime?: Time;
  /** The init containers. */
  initContainerStatuses?: ContainerStatus[];
  /** The containers. */
  containerStatuses?: ContainerStatus[];
  /** The quality of service class, from the resources asked for. */
  qosClass?: string;
  /** The ephemeral containers. */
  ephemeralContainerStatuses?: ContainerStatus[];
  /** No longer used: a resize is reported by conditions. */
  resize?: string;
  /** The claims to devices. */
  resourceClaimStatuses?: PodResourceClaimStatus[];
  /** The claim to devices made for resources of containers. */
  extendedResourceClaimStatus?: PodExtendedResourceClaimStatus;
}

/** The claim that was made for resources that are devices. */
export interface PodExtendedResourceClaimStatus {
  requestMappings: ContainerExtendedResourceRequest[];
  resourceClaimName: string;
}

/** Which request of the claim is for which resource of which container. */
export interface ContainerExtendedResourceRequest {
  containerName: string;
  resourceName: string;
  requestName: string;
}

/** One aspect of a pod's state. */
export interface PodCondition {
  /** Which aspect, such as Ready. */
  type: string;
  /** The generation that this was true of. */
  observedGeneration?: number;
  /** Whether it holds. */
  status: "True" | "False" | "Unknown";
  /** When it was last looked at. */
  lastProbeTime?: Time;
  /** When the status changed last. */
  lastTransitionTime?: Time;
  /** Why, as one word for programs. */
  reason?: string;
  /** Why, for people. */
  message?: string;
}

/** An address of the node. */
export interface HostIP {
  /** The address. */
  ip: string;
}

/** An address of the pod. */
export interface PodIP {
  /** The address. */
  ip: string;
}

/** A claim to devices. */
export interface PodResourceClaimStatus {
  /** The name. */
  name: string;
  /** The claim's name. */
  resourceClaimName?: string;
}

/** A container at present. */
export interface ContainerStatus {
  /** The name. */
  name: string;
  /** What it is doing. */
  state?: ContainerState;
  /** What it was doing before its last restart. */
  lastState?: ContainerState;
  /** Whether it passes its readiness probe. */
  ready: boolean;
  /** How often it was started again. */
  restartCount: number;
  /** The image that runs. */
  image: string;
  /** The image's id. */
  imageID: string;
  /** The container's id, such as docker://1234. */
  containerID?: string;
  /** Whether it has started, and passed its startup probe. */
  started?: boolean;
  /** Resources set aside by the node. */
  allocatedResources?: Record<string, Quantity>;
  /** Resources in force. */
  resources?: ResourceRequirements;
  /** The mounts. */
  volumeMounts?: VolumeMountStatus[];
  /** The user that it was started as. */
  user?: ContainerUser;
  /** Health of the devices. */
  allocatedResourcesStatus?: ResourceStatus[];
  /** The signal that asks it to stop. */
  stopSignal?: string;
}

/** What a container is doing: one of these. */
export interface ContainerState {
  /** It waits to run. */
  waiting?: ContainerStateWaiting;
  /** It runs. */
  running?: ContainerStateRunning;
  /** It has ended. */
  terminated?: ContainerStateTerminated;
}

/** A container that waits to run. */
export interface ContainerStateWaiting {
  /** Why, as one word for programs. */
  reason?: string;
  /** Why, for people. */
  message?: string;
}

/** A container that runs. */
export interface ContainerStateRunning {
  /** When it started. */
  startedAt?: Time;
}

/** A container that has ended. */
export interface ContainerStateTerminated {
  /** Its exit code. */
  exitCode: number;
  /** The signal that ended it. */
  signal?: number;
  /** Why, as one word for programs. */
  reason?: string;
  /** Why, for people. */
  message?: string;
  /** When it started. */
  startedAt?: Time;
  /** When it ended. */
  finishedAt?: Time;
  /** The container's id, such as docker://1234. */
  containerID?: string;
}

/** The user that a container was started as. */
export interface ContainerUser {
  /** On Linux. */
  linux?: LinuxContainerUser;
}

/** A user on Linux. */
export interface LinuxContainerUser {
  /** The user id. */
  uid: number;
  /** The group id. */
  gid: number;
  /** Further group ids. */
  supplementalGroups?: number[];
}

/** Health of devices. */
export interface ResourceStatus {
  /** The name. */
  name: string;
  /** Each device. */
  resources?: ResourceHealth[];
}

/** Health of a device. */
export interface ResourceHealth {
  /** The device. */
  resourceID: string;
  /** Healthy, Unhealthy or Unknown. */
  health?: string;
}

/** A mount. */
export interface VolumeMountStatus {
  /** The name. */
  name: string;
  /** Where it is mounted. */
  mountPath: string;
  /** Whether it is read-only. */
  readOnly?: boolean;
  /** Whether mounts below are read-only too: Disabled, IfPossible or Enabled. */
  recursiveReadOnly?: string;
}
