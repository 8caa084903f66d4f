/** The schema of v1 Node. */
import { kindSchema } from "../meta/kind-schema.ts";
import type {
  AttachedVolume,
  ConfigMapNodeConfigSource,
  ContainerImage,
  DaemonEndpoint,
  NodeAddress,
  NodeCondition,
  NodeConfigSource,
  NodeConfigStatus,
  NodeDaemonEndpoints,
  NodeFeatures,
  NodeRuntimeHandler,
  NodeRuntimeHandlerFeatures,
  NodeSpec,
  NodeStatus,
  NodeSwapStatus,
  NodeSystemInfo,
  Taint,
  Node,
} from "./type.ts";
import {
  boolean,
  int32,
  int64,
  list,
  object,
  objectSchema,
  oneOf,
  pointer,
  quantityMap,
  required,
  string,
  strings,
  time,
  written,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";

export const taintSchema: ObjectSchema<Taint> = objectSchema(
  "io.k8s.api.core.v1.Taint",
  "A mark on a node that keeps pods away.",
  {
    key: required(string(1, "The mark's key.")),
    value: string(2, "The mark's value."),
    effect: required(
      oneOf(
        3,
        ["NoSchedule", "PreferNoSchedule", "NoExecute"],
        "What happens to pods that do not tolerate it.",
      ),
    ),
    timeAdded: pointer(time(4, "When it was put on the node.")),
  },
);

export const configMapNodeConfigSourceSchema: ObjectSchema<ConfigMapNodeConfigSource> = objectSchema(
  "io.k8s.api.core.v1.ConfigMapNodeConfigSource",
  "No longer used.",
  {
    namespace: required(string(1, "The namespace.")),
    name: required(string(2, "The name.")),
    uid: string(3, "The object's uid."),
    resourceVersion: string(4, "The object's version."),
    kubeletConfigKey: required(string(5, "The key within the ConfigMap.")),
  },
);

export const nodeConfigSourceSchema: ObjectSchema<NodeConfigSource> = objectSchema(
  "io.k8s.api.core.v1.NodeConfigSource",
  "No longer used.",
  {
    configMap: pointer(object(2, configMapNodeConfigSourceSchema, "No longer used.")),
  },
);

export const nodeSpecSchema: ObjectSchema<NodeSpec> = objectSchema(
  "io.k8s.api.core.v1.NodeSpec",
  "What the node should be.",
  {
    podCIDR: string(1, "The range that the node's pods get addresses from."),
    podCIDRs: strings(7, "The ranges of the node's pods, one a family; the first equals `podCIDR`.", {
      list: { type: "set" },
      patch: { strategy: "merge" },
    }),
    providerID: string(3, "The machine's id at its provider."),
    unschedulable: boolean(4, "Whether new pods stay away."),
    taints: list(5, taintSchema, "Marks that keep away pods which do not tolerate them.", {
      list: { type: "atomic" },
    }),
    configSource: pointer(object(6, nodeConfigSourceSchema, "No longer used.")),
    externalID: string(2, "No longer used."),
  },
);

export const nodeConditionSchema: ObjectSchema<NodeCondition> = objectSchema(
  "io.k8s.api.core.v1.NodeCondition",
  "One aspect of a node's state.",
  {
    type: required(string(1, "Which aspect, such as Ready.")),
    status: required(oneOf(2, ["True", "False", "Unknown"], "Whether it holds.")),
    lastHeartbeatTime: time(3, "When it was last reported."),
    lastTransitionTime: time(4, "When the status changed last."),
    reason: string(5, "Why, as one word for programs."),
    message: string(6, "Why, for people."),
  },
);

export const nodeAddressSchema: ObjectSchema<NodeAddress> = objectSchema(
  "io.k8s.api.core.v1.NodeAddress",
  "One address of a node.",
  {
    type: required(
      oneOf(
        1,
        ["Hostname", "InternalIP", "ExternalIP", "InternalDNS", "ExternalDNS"],
        "What kind of address.",
      ),
    ),
    address: required(string(2, "The address or name.")),
  },
);

export const daemonEndpointSchema: ObjectSchema<DaemonEndpoint> = objectSchema(
  "io.k8s.api.core.v1.DaemonEndpoint",
  "Where a daemon listens.",
  {
    Port: required(int32(1, "The port number.")),
  },
);

export const nodeDaemonEndpointsSchema: ObjectSchema<NodeDaemonEndpoints> = objectSchema(
  "io.k8s.api.core.v1.NodeDaemonEndpoints",
  "Ports of the node's daemons.",
  {
    kubeletEndpoint: object(1, daemonEndpointSchema, "Where the kubelet listens."),
  },
);

export const nodeSwapStatusSchema: ObjectSchema<NodeSwapStatus> = objectSchema(
  "io.k8s.api.core.v1.NodeSwapStatus",
  "Swap space of a node.",
  {
    capacity: pointer(int64(1, "Its size in bytes.")),
  },
);

export const nodeSystemInfoSchema: ObjectSchema<NodeSystemInfo> = objectSchema(
  "io.k8s.api.core.v1.NodeSystemInfo",
  "Identity and versions of a node.",
  {
    machineID: required(string(1, "The machine's id (/etc/machine-id).")),
    systemUUID: required(string(2, "The system's id, as the firmware has it.")),
    bootID: required(string(3, "Changes with every boot.")),
    kernelVersion: required(string(4, "The kernel's version, as uname -r prints it.")),
    osImage: required(string(5, "The operating system's name and version.")),
    containerRuntimeVersion: required(
      string(6, "The container runtime and its version, such as docker://28.0.1."),
    ),
    kubeletVersion: required(string(7, "The version of the program that runs the node.")),
    kubeProxyVersion: required(string(8, "No longer used.")),
    operatingSystem: required(string(9, "The operating system: linux.")),
    architecture: required(string(10, "The processor's architecture, such as amd64.")),
    swap: pointer(object(11, nodeSwapStatusSchema, "Swap space.")),
  },
);

export const containerImageSchema: ObjectSchema<ContainerImage> = objectSchema(
  "io.k8s.api.core.v1.ContainerImage",
  "A container image on a node.",
  {
    names: written(strings(1, "Its names.", { list: { type: "atomic" } })),
    sizeBytes: int64(2, "Its size in bytes."),
  },
);

export const attachedVolumeSchema: ObjectSchema<AttachedVolume> = objectSchema(
  "io.k8s.api.core.v1.AttachedVolume",
  "A volume that is attached to a node.",
  {
    name: required(string(1, "The volume's name.")),
    devicePath: required(string(2, "The device it is at.")),
  },
);

export const nodeConfigStatusSchema: ObjectSchema<NodeConfigStatus> = objectSchema(
  "io.k8s.api.core.v1.NodeConfigStatus",
  "No longer used.",
  {
    assigned: pointer(object(1, nodeConfigSourceSchema, "The configuration that was assigned.")),
    active: pointer(object(2, nodeConfigSourceSchema, "The configuration in use.")),
    lastKnownGood: pointer(object(3, nodeConfigSourceSchema, "The configuration to fall back on.")),
    error: string(4, "What went wrong."),
  },
);

export const nodeRuntimeHandlerFeaturesSchema: ObjectSchema<NodeRuntimeHandlerFeatures> = objectSchema(
  "io.k8s.api.core.v1.NodeRuntimeHandlerFeatures",
  "What a handler of the container runtime can do.",
  {
    recursiveReadOnlyMounts: pointer(boolean(1, "Mounts that are read-only all the way down.")),
    userNamespaces: pointer(boolean(2, "User namespaces, volumes included.")),
  },
);

export const nodeRuntimeHandlerSchema: ObjectSchema<NodeRuntimeHandler> = objectSchema(
  "io.k8s.api.core.v1.NodeRuntimeHandler",
  "A handler of the container runtime.",
  {
    name: written(string(1, "The handler's name; empty for the default one.")),
    features: pointer(object(2, nodeRuntimeHandlerFeaturesSchema, "What it can do.")),
  },
);

export const nodeFeaturesSchema: ObjectSchema<NodeFeatures> = objectSchema(
  "io.k8s.api.core.v1.NodeFeatures",
  "What a node's container runtime can do.",
  {
    supplementalGroupsPolicy: pointer(
      boolean(1, "The policy of supplemental groups, and the user in container status."),
    ),
  },
);

export const nodeStatusSchema: ObjectSchema<NodeStatus> = objectSchema(
  "io.k8s.api.core.v1.NodeStatus",
  "What the node is at present.",
  {
    capacity: quantityMap(1, "All resources of the node."),
    allocatable: quantityMap(2, "The resources that pods can have."),
    phase: string(3, "No longer used."),
    conditions: list(4, nodeConditionSchema, "The node's conditions.", {
      list: { type: "map", keys: ["type"] },
      patch: { strategy: "merge", key: "type" },
    }),
    addresses: list(5, nodeAddressSchema, "The addresses at which the node is reached.", {
      list: { type: "map", keys: ["type"] },
      patch: { strategy: "merge", key: "type" },
    }),
    daemonEndpoints: object(6, nodeDaemonEndpointsSchema, "Ports of the node's daemons."),
    nodeInfo: object(7, nodeSystemInfoSchema, "Identity and versions of the node."),
    images: list(8, containerImageSchema, "Container images on the node.", { list: { type: "atomic" } }),
    volumesInUse: strings(9, "Attachable volumes that are mounted.", { list: { type: "atomic" } }),
    volumesAttached: list(10, attachedVolumeSchema, "Volumes that are attached.", {
      list: { type: "atomic" },
    }),
    config: pointer(object(11, nodeConfigStatusSchema, "No longer used.")),
    runtimeHandlers: list(12, nodeRuntimeHandlerSchema, "The container runtime's handlers.", {
      list: { type: "atomic" },
    }),
    features: pointer(object(13, nodeFeaturesSchema, "What the node's container runtime can do.")),
  },
);

export const nodeSchema: ObjectSchema<Node> = kindSchema(
  "io.k8s.api.core.v1.Node",
  "A machine, or network namespace, that runs pods and programs services.",
  {
    spec: object(2, nodeSpecSchema, "What the node should be."),
    status: object(3, nodeStatusSchema, "What the node is at present."),
  },
);
