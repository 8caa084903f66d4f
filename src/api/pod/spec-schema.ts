/** The schemas of v1 Pod: the pod specification. */
import { containerSchema, ephemeralContainerSchema, resourceRequirementsSchema } from "./container-schema.ts";
import { localObjectReferenceSchema } from "./reference-schema.ts";
import { affinitySchema, tolerationSchema, topologySpreadConstraintSchema } from "./scheduling-schema.ts";
import { podSecurityContextSchema } from "./security-schema.ts";
import type {
  HostAlias,
  PodDNSConfig,
  PodDNSConfigOption,
  PodOS,
  PodReadinessGate,
  PodResourceClaim,
  PodSchedulingGate,
  PodSpec,
} from "./spec-type.ts";
import { volumeSchema } from "./volume-schema.ts";
import {
  atomic,
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
  stringMap,
  strings,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";

export const hostAliasSchema: ObjectSchema<HostAlias> = objectSchema(
  "io.k8s.api.core.v1.HostAlias",
  "A line of /etc/hosts.",
  {
    ip: required(string(1, "The address.")),
    hostnames: strings(2, "The names.", { list: { type: "atomic" } }),
  },
);

export const podDNSConfigOptionSchema: ObjectSchema<PodDNSConfigOption> = objectSchema(
  "io.k8s.api.core.v1.PodDNSConfigOption",
  "A resolver option.",
  {
    name: string(1, "The name."),
    value: pointer(string(2, "The value.")),
  },
);

export const podDNSConfigSchema: ObjectSchema<PodDNSConfig> = objectSchema(
  "io.k8s.api.core.v1.PodDNSConfig",
  "Settings of resolv.conf.",
  {
    nameservers: strings(1, "Name servers, before those of the policy.", { list: { type: "atomic" } }),
    searches: strings(2, "Search domains, before those of the policy.", { list: { type: "atomic" } }),
    options: list(3, podDNSConfigOptionSchema, "Resolver options.", { list: { type: "atomic" } }),
  },
);

export const podReadinessGateSchema: ObjectSchema<PodReadinessGate> = objectSchema(
  "io.k8s.api.core.v1.PodReadinessGate",
  "A condition that must be true for a pod to be ready.",
  {
    conditionType: required(string(1, "The condition's type.")),
  },
);

export const podOSSchema: ObjectSchema<PodOS> = objectSchema(
  "io.k8s.api.core.v1.PodOS",
  "An operating system.",
  {
    name: required(string(1, "linux or windows.")),
  },
);

export const podSchedulingGateSchema: ObjectSchema<PodSchedulingGate> = objectSchema(
  "io.k8s.api.core.v1.PodSchedulingGate",
  "Keeps a pod from being placed.",
  {
    name: required(string(1, "The name.")),
  },
);

export const podResourceClaimSchema: ObjectSchema<PodResourceClaim> = objectSchema(
  "io.k8s.api.core.v1.PodResourceClaim",
  "A claim to devices.",
  {
    name: required(string(1, "The name.")),
    resourceClaimName: pointer(string(3, "The claim's name.")),
    resourceClaimTemplateName: pointer(string(4, "The template that a claim is made from.")),
  },
);

export const podSpecSchema: ObjectSchema<PodSpec> = objectSchema(
  "io.k8s.api.core.v1.PodSpec",
  "What should run.",
  {
    volumes: list(1, volumeSchema, "Directories that containers may mount.", {
      list: { type: "map", keys: ["name"] },
      patch: { strategy: "merge,retainKeys", key: "name" },
    }),
    initContainers: list(
      20,
      containerSchema,
      "Containers that run one after the other, to their end, before the others start; with restartPolicy Always they stay as sidecars.",
      { list: { type: "map", keys: ["name"] }, patch: { strategy: "merge", key: "name" } },
    ),
    containers: required(
      list(2, containerSchema, "The containers of the pod, at least one. They cannot be added to later.", {
        list: { type: "map", keys: ["name"] },
        patch: { strategy: "merge", key: "name" },
      }),
    ),
    ephemeralContainers: list(
      34,
      ephemeralContainerSchema,
      "Containers added to a running pod for debugging.",
      { list: { type: "map", keys: ["name"] }, patch: { strategy: "merge", key: "name" } },
    ),
    restartPolicy: oneOf(3, ["Always", "OnFailure", "Never"], "When containers are started again."),
    terminationGracePeriodSeconds: pointer(int64(4, "Seconds between the stop signal and the kill.")),
    activeDeadlineSeconds: pointer(int64(5, "Seconds the pod may run on its node before it is failed.")),
    dnsPolicy: oneOf(
      6,
      ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"],
      "Where the containers' resolv.conf comes from.",
    ),
    nodeSelector: atomic(stringMap(7, "Labels that the node must have.")),
    serviceAccountName: string(8, "The account that the pod acts as."),
    serviceAccount: string(9, "Old name of serviceAccountName."),
    automountServiceAccountToken: pointer(boolean(21, "Whether the account's token is mounted.")),
    nodeName: string(10, "The node the pod is on, or wanted on."),
    hostNetwork: boolean(11, "Whether the pod uses the node's network."),
    hostPID: boolean(12, "Whether the pod sees the node's processes."),
    hostIPC: boolean(13, "Whether the pod shares the node's IPC namespace."),
    shareProcessNamespace: pointer(boolean(27, "Whether the containers see each other's processes.")),
    securityContext: pointer(
      object(14, podSecurityContextSchema, "Security settings of the pod and defaults for its containers."),
    ),
    imagePullSecrets: list(15, localObjectReferenceSchema, "Secrets with registry credentials.", {
      list: { type: "map", keys: ["name"] },
      patch: { strategy: "merge", key: "name" },
    }),
    hostname: string(16, "The pod's host name; its own name if empty."),
    subdomain: string(17, "Makes the full name hostname.subdomain.namespace.svc.zone."),
    affinity: pointer(object(18, affinitySchema, "Rules on where to run the pod.")),
    schedulerName: string(19, "The scheduler that places the pod."),
    tolerations: list(22, tolerationSchema, "Taints that do not keep the pod away.", {
      list: { type: "atomic" },
    }),
    hostAliases: list(23, hostAliasSchema, "Further lines of /etc/hosts.", {
      list: { type: "map", keys: ["ip"] },
      patch: { strategy: "merge", key: "ip" },
    }),
    priorityClassName: string(24, "The class the priority comes from."),
    priority: pointer(int32(25, "The pod's importance when resources are short.")),
    dnsConfig: pointer(object(26, podDNSConfigSchema, "Further settings of resolv.conf.")),
    readinessGates: list(
      28,
      podReadinessGateSchema,
      "Further conditions that must be true for the pod to be ready.",
      { list: { type: "atomic" } },
    ),
    runtimeClassName: pointer(string(29, "The class of container runtime.")),
    enableServiceLinks: pointer(boolean(30, "Whether services are put into the environment.")),
    preemptionPolicy: pointer(string(31, "Whether pods of lower priority may be evicted for this one.")),
    overhead: quantityMap(32, "Resources that the runtime itself takes."),
    topologySpreadConstraints: list(
      33,
      topologySpreadConstraintSchema,
      "How pods are spread over the topology.",
      {
        list: { type: "map", keys: ["topologyKey", "whenUnsatisfiable"] },
        patch: { strategy: "merge", key: "topologyKey" },
      },
    ),
    setHostnameAsFQDN: pointer(boolean(35, "Whether the host name is the fully qualified one.")),
    os: pointer(object(36, podOSSchema, "The operating system of the containers.")),
    hostUsers: pointer(boolean(37, "False runs the pod in a user namespace of its own.")),
    schedulingGates: list(38, podSchedulingGateSchema, "The pod is not placed while any of these is here.", {
      list: { type: "map", keys: ["name"] },
      patch: { strategy: "merge", key: "name" },
    }),
    resourceClaims: list(
      39,
      podResourceClaimSchema,
      "Claims to devices that must be allocated before the pod starts.",
      { list: { type: "map", keys: ["name"] }, patch: { strategy: "merge,retainKeys", key: "name" } },
    ),
    resources: pointer(object(40, resourceRequirementsSchema, "Resources of the pod as a whole.")),
    hostnameOverride: pointer(
      string(41, "The pod's host name, whatever `hostname` and `subdomain` say. Not in use yet."),
    ),
  },
);
