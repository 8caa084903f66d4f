/** v1 Pod: the pod specification. */
import type { Quantity } from "../meta/type.ts";
import type { Container, EphemeralContainer, ResourceRequirements } from "./container-type.ts";
import type { LocalObjectReference } from "./reference-type.ts";
import type { Affinity, Toleration, TopologySpreadConstraint } from "./scheduling-type.ts";
import type { PodSecurityContext } from "./security-type.ts";
import type { Volume } from "./volume-type.ts";

/** What should run. */
export interface PodSpec {
  /** Directories that containers may mount. */
  volumes?: Volume[];
  /** Containers that run one after the other, to their end, before the others start; with restartPolicy Always they stay as sidecars. */
  initContainers?: Container[];
  /** The containers of the pod, at least one. They cannot be added to later. */
  containers: Container[];
  /** Containers added to a running pod for debugging. */
  ephemeralContainers?: EphemeralContainer[];
  /** When containers are started again. */
  restartPolicy?: "Always" | "OnFailure" | "Never";
  /** Seconds between the stop signal and the kill. */
  terminationGracePeriodSeconds?: number;
  /** Seconds the pod may run on its node before it is failed. */
  activeDeadlineSeconds?: number;
  /** Where the containers' resolv.conf comes from. */
  dnsPolicy?: "ClusterFirst" | "ClusterFirstWithHostNet" | "Default" | "None";
  /** Labels that the node must have. */
  nodeSelector?: Record<string, string>;
  /** The account that the pod acts as. */
  serviceAccountName?: string;
  /** Old name of serviceAccountName. */
  serviceAccount?: string;
  /** Whether the account's token is mounted. */
  automountServiceAccountToken?: boolean;
  /** The node the pod is on, or wanted on. */
  nodeName?: string;
  /** Whether the pod uses the node's network. */
  hostNetwork?: boolean;
  /** Whether the pod sees the node's processes. */
  hostPID?: boolean;
  /** Whether the pod shares the node's IPC namespace. */
  hostIPC?: boolean;
  /** Whether the containers see each other's processes. */
  shareProcessNamespace?: boolean;
  /** Security settings of the pod and defaults for its containers. */
  securityContext?: PodSecurityContext;
  /** Secrets with registry credentials. */
  imagePullSecrets?: LocalObjectReference[];
  /** The pod's host name; its own name if empty. */
  hostname?: string;
  /** Makes the full name hostname.subdomain.namespace.svc.zone. */
  subdomain?: string;
  /** Rules on where to run the pod. */
  affinity?: Affinity;
  /** The scheduler that places the pod. */
  schedulerName?: string;
  /** Taints that do not keep the pod away. */
  tolerations?: Toleration[];
  /** Further lines of /etc/hosts. */
  hostAliases?: HostAlias[];
  /** The class the priority comes from. */
  priorityClassName?: string;
  /** The pod's importance when resources are short. */
  priority?: number;
  /** Further settings of resolv.conf. */
  dnsConfig?: PodDNSConfig;
  /** Further conditions that must be true for the pod to be ready. */
  readinessGates?: PodReadinessGate[];
  /** The class of container runtime. */
  runtimeClassName?: string;
  /** Whether services are put into the environment. */
  enableServiceLinks?: boolean;
  /** Whether pods of lower priority may be evicted for this one. */
  preemptionPolicy?: string;
  /** Resources that the runtime itself takes. */
  overhead?: Record<string, Quantity>;
  /** How pods are spread over the topology. */
  topologySpreadConstraints?: TopologySpreadConstraint[];
  /** Whether the host name is the fully qualified one. */
  setHostnameAsFQDN?: boolean;
  /** The operating system of the containers. */
  os?: PodOS;
  /** False runs the pod in a user namespace of its own. */
  hostUsers?: boolean;
  /** The pod is not placed while any of these is here. */
  schedulingGates?: PodSchedulingGate[];
  /** Claims to devices that must be allocated before the pod starts. */
  resourceClaims?: PodResourceClaim[];
  /** Resources of the pod as a whole. */
  resources?: ResourceRequirements;
  /** The pod's host name, whatever `hostname` and `subdomain` say. Dropped, as with the gate HostnameOverride off. */
  hostnameOverride?: string;
}

/** Settings of resolv.conf. */
export interface PodDNSConfig {
  /** Name servers, before those of the policy. */
  nameservers?: string[];
  /** Search domains, before those of the policy. */
  searches?: string[];
  /** Resolver options. */
  options?: PodDNSConfigOption[];
}

/** A resolver option. */
export interface PodDNSConfigOption {
  /** The name. */
  name?: string;
  /** The value. */
  value?: string;
}

/** A condition that must be true for a pod to be ready. */
export interface PodReadinessGate {
  /** The condition's type. */
  conditionType: string;
}

/** A line of /etc/hosts. */
export interface HostAlias {
  /** The address. */
  ip: string;
  /** The names. */
  hostnames?: string[];
}

/** An operating system. */
export interface PodOS {
  /** linux or windows. */
  name: string;
}

/** Keeps a pod from being placed. */
export interface PodSchedulingGate {
  /** The name. */
  name: string;
}

/** A claim to devices. */
export interface PodResourceClaim {
  /** The name. */
  name: string;
  /** The claim's name. */
  resourceClaimName?: string;
  /** The template that a claim is made from. */
  resourceClaimTemplateName?: string;
}
