/** The schemas of v1 Pod: the status of pods and containers. */
import { resourceRequirementsSchema } from "./container-schema.ts";
import type {
  ContainerState,
  ContainerStateRunning,
  ContainerStateTerminated,
  ContainerStateWaiting,
  ContainerExtendedResourceRequest,
  ContainerStatus,
  ContainerUser,
  HostIP,
  LinuxContainerUser,
  PodCondition,
  PodExtendedResourceClaimStatus,
  PodIP,
  PodResourceClaimStatus,
  PodStatus,
  ResourceHealth,
  ResourceStatus,
  VolumeMountStatus,
} from "./status-type.ts";
import {
  boolean,
  int32,
  int64,
  int64s,
  list,
  object,
  objectSchema,
  oneOf,
  pointer,
  quantityMap,
  required,
  string,
  time,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";

export const podConditionSchema: ObjectSchema<PodCondition> = objectSchema(
  "io.k8s.api.core.v1.PodCondition",
  "One aspect of a pod's state.",
  {
    type: required(string(1, "Which aspect, such as Ready.")),
    observedGeneration: int64(7, "The generation that this was true of."),
    status: required(oneOf(2, ["True", "False", "Unknown"], "Whether it holds.")),
    lastProbeTime: time(3, "When it was last looked at."),
    lastTransitionTime: time(4, "When the status changed last."),
    reason: string(5, "Why, as one word for programs."),
    message: string(6, "Why, for people."),
  },
);

export const hostIPSchema: ObjectSchema<HostIP> = objectSchema(
  "io.k8s.api.core.v1.HostIP",
  "An address of the node.",
  {
    ip: required(string(1, "The address.")),
  },
);

export const podIPSchema: ObjectSchema<PodIP> = objectSchema(
  "io.k8s.api.core.v1.PodIP",
  "An address of the pod.",
  {
    ip: required(string(1, "The address.")),
  },
);

export const containerStateWaitingSchema: ObjectSchema<ContainerStateWaiting> = objectSchema(
  "io.k8s.api.core.v1.ContainerStateWaiting",
  "A container that waits to run.",
  {
    reason: string(1, "Why, as one word for programs."),
    message: string(2, "Why, for people."),
  },
);

export const containerStateRunningSchema: ObjectSchema<ContainerStateRunning> = objectSchema(
  "io.k8s.api.core.v1.ContainerStateRunning",
  "A container that runs.",
  {
    startedAt: time(1, "When it started."),
  },
);

export const containerStateTerminatedSchema: ObjectSchema<ContainerStateTerminated> = objectSchema(
  "io.k8s.api.core.v1.ContainerStateTerminated",
  "A container that has ended.",
  {
    exitCode: required(int32(1, "Its exit code.")),
    signal: int32(2, "The signal that ended it."),
    reason: string(3, "Why, as one word for programs."),
    message: string(4, "Why, for people."),
    startedAt: time(5, "When it started."),
    finishedAt: time(6, "When it ended."),
    containerID: string(7, "The container's id, such as docker://1234."),
  },
);

export const containerStateSchema: ObjectSchema<ContainerState> = objectSchema(
  "io.k8s.api.core.v1.ContainerState",
  "What a container is doing: one of these.",
  {
    waiting: pointer(object(1, containerStateWaitingSchema, "It waits to run.")),
    running: pointer(object(2, containerStateRunningSchema, "It runs.")),
    terminated: pointer(object(3, containerStateTerminatedSchema, "It has ended.")),
  },
);

export const volumeMountStatusSchema: ObjectSchema<VolumeMountStatus> = objectSchema(
  "io.k8s.api.core.v1.VolumeMountStatus",
  "A mount.",
  {
    name: required(string(1, "The name.")),
    mountPath: required(string(2, "Where it is mounted.")),
    readOnly: boolean(3, "Whether it is read-only."),
    recursiveReadOnly: pointer(
      string(4, "Whether mounts below are read-only too: Disabled, IfPossible or Enabled."),
    ),
  },
);

export const linuxContainerUserSchema: ObjectSchema<LinuxContainerUser> = objectSchema(
  "io.k8s.api.core.v1.LinuxContainerUser",
  "A user on Linux.",
  {
    uid: required(int64(1, "The user id.")),
    gid: required(int64(2, "The group id.")),
    supplementalGroups: int64s(3, "Further group ids.", { list: { type: "atomic" } }),
  },
);

export const containerUserSchema: ObjectSchema<ContainerUser> = objectSchema(
  "io.k8s.api.core.v1.ContainerUser",
  "The user that a container was started as.",
  {
    linux: pointer(object(1, linuxContainerUserSchema, "On Linux.")),
  },
);

export const resourceHealthSchema: ObjectSchema<ResourceHealth> = objectSchema(
  "io.k8s.api.core.v1.ResourceHealth",
  "Health of a device.",
  {
    resourceID: required(string(1, "The device.")),
    health: string(2, "Healthy, Unhealthy or Unknown."),
  },
);

export const resourceStatusSchema: ObjectSchema<ResourceStatus> = objectSchema(
  "io.k8s.api.core.v1.ResourceStatus",
  "Health of devices.",
  {
    name: required(string(1, "The name.")),
    resources: list(2, resourceHealthSchema, "Each device.", { list: { type: "map", keys: ["resourceID"] } }),
  },
);

export const containerStatusSchema: ObjectSchema<ContainerStatus> = objectSchema(
  "io.k8s.api.core.v1.ContainerStatus",
  "A container at present.",
  {
    name: required(string(1, "The name.")),
    state: object(2, containerStateSchema, "What it is doing."),
    lastState: object(3, containerStateSchema, "What it was doing before its last restart."),
    ready: required(boolean(4, "Whether it passes its readiness probe.")),
    restartCount: required(int32(5, "How often it was started again.")),
    image: required(string(6, "The image that runs.")),
    imageID: required(string(7, "The image's id.")),
    containerID: string(8, "The container's id, such as docker://1234."),
    started: pointer(boolean(9, "Whether it has started, and passed its startup probe.")),
    allocatedResources: quantityMap(10, "Resources set aside by the node."),
    resources: pointer(object(11, resourceRequirementsSchema, "Resources in force.")),
    volumeMounts: list(12, volumeMountStatusSchema, "The mounts.", {
      list: { type: "map", keys: ["mountPath"] },
      patch: { strategy: "merge", key: "mountPath" },
    }),
    user: pointer(object(13, containerUserSchema, "The user that it was started as.")),
    allocatedResourcesStatus: list(14, resourceStatusSchema, "Health of the devices.", {
      list: { type: "map", keys: ["name"] },
      patch: { strategy: "merge", key: "name" },
    }),
    stopSignal: pointer(string(15, "The signal that asks it to stop.")),
  },
);

export const podResourceClaimStatusSchema: ObjectSchema<PodResourceClaimStatus> = objectSchema(
  "io.k8s.api.core.v1.PodResourceClaimStatus",
  "A claim to devices.",
  {
    name: required(string(1, "The name.")),
    resourceClaimName: pointer(string(2, "The claim's name.")),
  },
);

const extendedResourceRequestSchema: ObjectSchema<ContainerExtendedResourceRequest> = objectSchema(
  "io.k8s.api.core.v1.ContainerExtendedResourceRequest",
  "Which request of a claim is for which resource of which container.",
  {
    containerName: required(string(1, "The container.")),
    resourceName: required(string(2, "The container's resource.")),
    requestName: required(string(3, "The request in the claim.")),
  },
);

const extendedResourceClaimStatusSchema: ObjectSchema<PodExtendedResourceClaimStatus> = objectSchema(
  "io.k8s.api.core.v1.PodExtendedResourceClaimStatus",
  "The claim that was made for resources that are devices.",
  {
    requestMappings: required(
      list(1, extendedResourceRequestSchema, "What its requests are for.", { list: { type: "atomic" } }),
    ),
    resourceClaimName: required(string(2, "The claim's name.")),
  },
);

export const podStatusSchema: ObjectSchema<PodStatus> = objectSchema(
  "io.k8s.api.core.v1.PodStatus",
  "What runs at present.",
  {
    observedGeneration: int64(17, "The generation that this was true of."),
    phase: oneOf(
      1,
      ["Pending", "Running", "Succeeded", "Failed", "Unknown"],
      "Where the pod is in its life.",
    ),
    conditions: list(2, podConditionSchema, "The pod's conditions.", {
      list: { type: "map", keys: ["type"] },
      patch: { strategy: "merge", key: "type" },
    }),
    message: string(3, "Why the pod is in this state, for people."),
    reason: string(4, "Why the pod is in this state, as one word for programs."),
    nominatedNodeName: string(11, "The node that room is being made on."),
    hostIP: string(5, "The node's address."),
    hostIPs: list(16, hostIPSchema, "The node's addresses.", {
      list: { type: "atomic" },
      patch: { strategy: "merge", key: "ip" },
    }),
    podIP: string(6, "The pod's address."),
    podIPs: list(12, podIPSchema, "The pod's addresses, at most one a family; the first equals `podIP`.", {
      list: { type: "map", keys: ["ip"] },
      patch: { strategy: "merge", key: "ip" },
    }),
    startTime: pointer(time(7, "When the node took the pod.")),
    initContainerStatuses: list(10, containerStatusSchema, "The init containers.", {
      list: { type: "atomic" },
    }),
    containerStatuses: list(8, containerStatusSchema, "The containers.", { list: { type: "atomic" } }),
    qosClass: string(9, "The quality of service class, from the resources asked for."),
    ephemeralContainerStatuses: list(13, containerStatusSchema, "The ephemeral containers.", {
      list: { type: "atomic" },
    }),
    resize: string(14, "No longer used: a resize is reported by conditions."),
    resourceClaimStatuses: list(15, podResourceClaimStatusSchema, "The claims to devices.", {
      list: { type: "map", keys: ["name"] },
      patch: { strategy: "merge,retainKeys", key: "name" },
    }),
    extendedResourceClaimStatus: pointer(
      object(18, extendedResourceClaimStatusSchema, "The claim to devices made for resources of containers."),
    ),
  },
);
