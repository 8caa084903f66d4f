/** v1 Node: a machine (or network namespace) that runs pods and programs services. */
import type { KubeObject, Quantity, Time } from "../meta/type.ts";

/** What the node should be. */
export interface NodeSpec {
  /** The range that the node's pods get addresses from. */
  podCIDR?: string;
  /** The ranges of the node's pods, one a family; the first equals `podCIDR`. */
  podCIDRs?: string[];
  /** The machine's id at its provider. */
  providerID?: string;
  /** Whether new pods stay away. */
  unschedulable?: boolean;
  /** Marks that keep away pods which do not tolerate them. */
  taints?: Taint[];
  /** No longer used. */
  configSource?: NodeConfigSource;
  /** No longer used. */
  externalID?: string;
}

/** A mark on a node that keeps pods away. */
export interface Taint {
  /** The mark's key. */
  key: string;
  /** The mark's value. */
  value?: string;
  /** What happens to pods that do not tolerate it. */
  effect: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
  /** When it was put on the node. */
  timeAdded?: Time;
}

/** No longer used. */
export interface NodeConfigSource {
  /** No longer used. */
  configMap?: ConfigMapNodeConfigSource;
}

/** No longer used. */
export interface ConfigMapNodeConfigSource {
  /** The namespace. */
  namespace: string;
  /** The name. */
  name: string;
  /** The object's uid. */
  uid?: string;
  /** The object's version. */
  resourceVersion?: string;
  /** The key within the ConfigMap. */
  kubeletConfigKey: string;
}

/** What the node is at present. */
export interface NodeStatus {
  /** All resources of the node. */
  capacity?: Record<string, Quantity>;
  /** The resources that pods can have. */
  allocatable?: Record<string, Quantity>;
  /** No longer used. */
  phase?: string;
  /** The node's conditions. */
  conditions?: NodeCondition[];
  /** The addresses at which the node is reached. */
  addresses?: NodeAddress[];
  /** Ports of the node's daemons. */
  daemonEndpoints?: NodeDaemonEndpoints;
  /** Identity and versions of the node. */
  nodeInfo?: NodeSystemInfo;
  /** Container images on the node. */
  images?: ContainerImage[];
  /** Attachable volumes that are mounted. */
  volumesInUse?: string[];
  /** Volumes that are attached. */
  volumesAttached?: AttachedVolume[];
  /** No longer used. */
  config?: NodeConfigStatus;
  /** The container runtime's handlers. */
  runtimeHandlers?: NodeRuntimeHandler[];
  /** What the node's container runtime can do. */
  features?: NodeFeatures;
}

/** One aspect of a node's state. */
export interface NodeCondition {
  /** Which aspect, such as Ready. */
  type: string;
  /** Whether it holds. */
  status: "True" | "False" | "Unknown";
  /** When it was last reported. */
  lastHeartbeatTime?: Time;
  /** When the status changed last. */
  lastTransitionTime?: Time;
  /** Why, as one word for programs. */
  reason?: string;
  /** Why, for people. */
  message?: string;
}

/** One address of a node. */
export interface NodeAddress {
  /** What kind of address. */
  type: "Hostname" | "InternalIP" | "ExternalIP" | "InternalDNS" | "ExternalDNS";
  /** The address or name. */
  address: string;
}

/** Ports of the node's daemons. */
export interface NodeDaemonEndpoints {
  /** Where the kubelet listens. */
  kubeletEndpoint?: DaemonEndpoint;
}

/** Where a daemon listens. */
export interface DaemonEndpoint {
  /** The port number. */
  Port: number;
}

/** Identity and versions of a node. */
export interface NodeSystemInfo {
  /** The machine's id (/etc/machine-id). */
  machineID: string;
  /** The system's id, as the firmware has it. */
  systemUUID: string;
  /** Changes with every boot. */
  bootID: string;
  /** The kernel's version, as uname -r prints it. */
  kernelVersion: string;
  /** The operating system's name and version. */
  osImage: string;
  /** The container runtime and its version, such as docker://28.0.1. */
  containerRuntimeVersion: string;
  /** The version of the program that runs the node. */
  kubeletVersion: string;
  /** No longer used. */
  kubeProxyVersion: string;
  /** The operating system: linux. */
  operatingSystem: string;
  /** The processor's architecture, such as amd64. */
  architecture: string;
  /** Swap space. */
  swap?: NodeSwapStatus;
}

/** Swap space of a node. */
export interface NodeSwapStatus {
  /** Its size in bytes. */
  capacity?: number;
}

/** A container image on a node. */
export interface ContainerImage {
  /** Its names. */
  names: string[];
  /** Its size in bytes. */
  sizeBytes?: number;
}

/** A volume that is attached to a node. */
export interface AttachedVolume {
  /** The volume's name. */
  name: string;
  /** The device it is at. */
  devicePath: string;
}

/** No longer used. */
export interface NodeConfigStatus {
  /** The configuration that was assigned. */
  assigned?: NodeConfigSource;
  /** The configuration in use. */
  active?: NodeConfigSource;
  /** The configuration to fall back on. */
  lastKnownGood?: NodeConfigSource;
  /** What went wrong. */
  error?: string;
}

/** A handler of the container runtime. */
export interface NodeRuntimeHandler {
  /** The handler's name; empty for the default one. */
  name: string;
  /** What it can do. */
  features?: NodeRuntimeHandlerFeatures;
}

/** What a handler of the container runtime can do. */
export interface NodeRuntimeHandlerFeatures {
  /** Mounts that are read-only all the way down. */
  recursiveReadOnlyMounts?: boolean;
  /** User namespaces, volumes included. */
  userNamespaces?: boolean;
}

/** What a node's container runtime can do. */
export interface NodeFeatures {
  /** The policy of supplemental groups, and the user in container status. */
  supplementalGroupsPolicy?: boolean;
}

export interface Node extends KubeObject {
  spec?: NodeSpec;
  status?: NodeStatus;
}
