/** The schemas of v1 Pod: containers. */
import type {
  ConfigMapEnvSource,
  ConfigMapKeySelector,
  Container,
  ContainerPort,
  ContainerResizePolicy,
  ContainerRestartRule,
  ContainerRestartRuleOnExitCodes,
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  EphemeralContainer,
  EphemeralContainerCommon,
  FileKeySelector,
  ResourceClaim,
  ResourceRequirements,
  SecretEnvSource,
  SecretKeySelector,
  VolumeDevice,
  VolumeMount,
} from "./container-type.ts";
import { lifecycleSchema, probeSchema } from "./probe-schema.ts";
import {
  localObjectReferenceFields,
  objectFieldSelectorSchema,
  resourceFieldSelectorSchema,
} from "./reference-schema.ts";
import { securityContextSchema } from "./security-schema.ts";
import {
  boolean,
  demanded,
  inline,
  int32,
  int32s,
  list,
  object,
  objectSchema,
  oneOf,
  pointer,
  quantityMap,
  required,
  string,
  strings,
  withDefault,
} from "../schema/fields.ts";
import type { Field, FieldsOf } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";

export const containerPortSchema: ObjectSchema<ContainerPort> = objectSchema(
  "io.k8s.api.core.v1.ContainerPort",
  "A port that a container serves.",
  {
    name: string(1, "The port's name, for a service's targetPort."),
    hostPort: int32(2, "The port on the node that leads here."),
    containerPort: required(int32(3, "The port number in the container.")),
    protocol: withDefault(oneOf(4, ["TCP", "UDP", "SCTP"], "The transport protocol."), "TCP"),
    hostIP: string(5, "The node's address that `hostPort` is bound to."),
  },
);

export const configMapEnvSourceSchema: ObjectSchema<ConfigMapEnvSource> = objectSchema(
  "io.k8s.api.core.v1.ConfigMapEnvSource",
  "A ConfigMap.",
  {
    ...inline(1, localObjectReferenceFields),
    optional: pointer(boolean(2, "Whether it may be missing.")),
  },
);

export const secretEnvSourceSchema: ObjectSchema<SecretEnvSource> = objectSchema(
  "io.k8s.api.core.v1.SecretEnvSource",
  "A Secret.",
  {
    ...inline(1, localObjectReferenceFields),
    optional: pointer(boolean(2, "Whether it may be missing.")),
  },
);

export const envFromSourceSchema: ObjectSchema<EnvFromSource> = objectSchema(
  "io.k8s.api.core.v1.EnvFromSource",
  "A source of many environment variables.",
  {
    prefix: string(1, "Put before each name."),
    configMapRef: pointer(object(2, configMapEnvSourceSchema, "A ConfigMap.")),
    secretRef: pointer(object(3, secretEnvSourceSchema, "A Secret.")),
  },
);

export const configMapKeySelectorSchema: ObjectSchema<ConfigMapKeySelector> = objectSchema(
  "io.k8s.api.core.v1.ConfigMapKeySelector",
  "A key of a ConfigMap.",
  {
    ...inline(1, localObjectReferenceFields),
    key: required(string(2, "The key.")),
    optional: pointer(boolean(3, "Whether it may be missing.")),
  },
  { atomic: true },
);

export const secretKeySelectorSchema: ObjectSchema<SecretKeySelector> = objectSchema(
  "io.k8s.api.core.v1.SecretKeySelector",
  "A key of a Secret.",
  {
    ...inline(1, localObjectReferenceFields),
    key: required(string(2, "The key.")),
    optional: pointer(boolean(3, "Whether it may be missing.")),
  },
  { atomic: true },
);

export const fileKeySelectorSchema: ObjectSchema<FileKeySelector> = objectSchema(
  "io.k8s.api.core.v1.FileKeySelector",
  "A variable in a file of variables.",
  {
    volumeName: required(string(1, "The volume that the file is in.")),
    path: required(string(2, "The file's path in the volume.")),
    key: required(string(3, "The variable's name in the file.")),
    optional: withDefault(pointer(boolean(4, "Whether the file or the variable may be missing.")), false),
  },
  { atomic: true },
);

export const envVarSourceSchema: ObjectSchema<EnvVarSource> = objectSchema(
  "io.k8s.api.core.v1.EnvVarSource",
  "Where a value comes from.",
  {
    fieldRef: pointer(object(1, objectFieldSelectorSchema, "A field of the pod.")),
    resourceFieldRef: pointer(object(2, resourceFieldSelectorSchema, "A resource of a container.")),
    configMapKeyRef: pointer(object(3, configMapKeySelectorSchema, "A key of a ConfigMap.")),
    secretKeyRef: pointer(object(4, secretKeySelectorSchema, "A key of a Secret.")),
    fileKeyRef: pointer(object(5, fileKeySelectorSchema, "A variable in a file. Not in use yet.")),
  },
);

export const envVarSchema: ObjectSchema<EnvVar> = objectSchema(
  "io.k8s.api.core.v1.EnvVar",
  "An environment variable.",
  {
    name: required(string(1, "Its name.")),
    value: string(2, "Its value; $(NAME) is replaced by earlier variables."),
    valueFrom: pointer(object(3, envVarSourceSchema, "Where the value comes from.")),
  },
);

export const resourceClaimSchema: ObjectSchema<ResourceClaim> = objectSchema(
  "io.k8s.api.core.v1.ResourceClaim",
  "A claim to devices that is used.",
  {
    name: required(string(1, "The name.")),
    request: string(2, "The request within the claim; all if empty."),
  },
);

export const resourceRequirementsSchema: ObjectSchema<ResourceRequirements> = objectSchema(
  "io.k8s.api.core.v1.ResourceRequirements",
  "Resources asked for, and limits.",
  {
    limits: quantityMap(1, "The most that may be used."),
    requests: quantityMap(2, "What is set aside."),
    claims: list(3, resourceClaimSchema, "Claims to devices that are used.", {
      list: { type: "map", keys: ["name"] },
    }),
  },
);

export const containerResizePolicySchema: ObjectSchema<ContainerResizePolicy> = objectSchema(
  "io.k8s.api.core.v1.ContainerResizePolicy",
  "What a change of one resource does to a container.",
  {
    resourceName: required(string(1, "The resource.")),
    restartPolicy: required(string(2, "NotRequired or RestartContainer.")),
  },
);

const restartRuleOnExitCodesSchema: ObjectSchema<ContainerRestartRuleOnExitCodes> = objectSchema(
  "io.k8s.api.core.v1.ContainerRestartRuleOnExitCodes",
  "Exit codes that a rule is about.",
  {
    operator: demanded(string(1, "In or NotIn: whether the exit code is one of the values.")),
    values: int32s(2, "The exit codes; at most 255.", { list: { type: "set" } }),
  },
);

const restartRuleSchema: ObjectSchema<ContainerRestartRule> = objectSchema(
  "io.k8s.api.core.v1.ContainerRestartRule",
  "What happens after some exits of a container.",
  {
    action: demanded(string(1, "Restart: the container is started again.")),
    exitCodes: pointer(object(2, restartRuleOnExitCodesSchema, "The exits that the rule is about.")),
  },
);

const restartPolicyRules: Field<ContainerRestartRule[]> = list(
  25,
  restartRuleSchema,
  "What happens after some exits, before the restart policy is asked. Not in use yet.",
  { list: { type: "atomic" } },
);

export const volumeMountSchema: ObjectSchema<VolumeMount> = objectSchema(
  "io.k8s.api.core.v1.VolumeMount",
  "A volume and where it is mounted.",
  {
    name: required(string(1, "The volume's name.")),
    readOnly: boolean(2, "Whether it is read-only."),
    recursiveReadOnly: pointer(
      string(7, "Whether mounts below are read-only too: Disabled, IfPossible or Enabled."),
    ),
    mountPath: required(string(3, "Where it is mounted in the container.")),
    subPath: string(4, "The path in the volume."),
    mountPropagation: pointer(string(5, "Whether mounts show up on the other side.")),
    subPathExpr: string(6, "The path in the volume, with $(NAME) replaced by environment variables."),
  },
);

export const volumeDeviceSchema: ObjectSchema<VolumeDevice> = objectSchema(
  "io.k8s.api.core.v1.VolumeDevice",
  "A block device and where it appears.",
  {
    name: required(string(1, "The volume's name.")),
    devicePath: required(string(2, "Where it appears in the container.")),
  },
);

export const containerSchema: ObjectSchema<Container> = objectSchema(
  "io.k8s.api.core.v1.Container",
  "One container of a pod.",
  {
    name: required(string(1, "The container's name, a DNS label, unique in the pod.")),
    image: string(2, "The image to run."),
    command: strings(3, "The program and its first arguments; the image's entry point if empty.", {
      list: { type: "atomic" },
    }),
    args: strings(4, "Arguments of the entry point.", { list: { type: "atomic" } }),
    workingDir: string(5, "The working directory; the image's if empty."),
    ports: list(
      6,
      containerPortSchema,
      "The ports that the container serves. Names given here can be used as a service's targetPort.",
      {
        list: { type: "map", keys: ["containerPort", "protocol"] },
        patch: { strategy: "merge", key: "containerPort" },
      },
    ),
    envFrom: list(19, envFromSourceSchema, "Sources of many environment variables.", {
      list: { type: "atomic" },
    }),
    env: list(7, envVarSchema, "Environment variables.", {
      list: { type: "map", keys: ["name"] },
      patch: { strategy: "merge", key: "name" },
    }),
    resources: object(8, resourceRequirementsSchema, "Resources asked for, and limits."),
    resizePolicy: list(23, containerResizePolicySchema, "What a change of resources does to the container.", {
      list: { type: "atomic" },
    }),
    restartPolicy: pointer(string(24, "Always makes an init container a sidecar.")),
    restartPolicyRules,
    volumeMounts: list(9, volumeMountSchema, "Volumes and where they are mounted.", {
      list: { type: "map", keys: ["mountPath"] },
      patch: { strategy: "merge", key: "mountPath" },
    }),
    volumeDevices: list(21, volumeDeviceSchema, "Block devices and where they appear.", {
      list: { type: "map", keys: ["devicePath"] },
      patch: { strategy: "merge", key: "devicePath" },
    }),
    livenessProbe: pointer(object(10, probeSchema, "Restarts the container when it fails.")),
    readinessProbe: pointer(object(11, probeSchema, "Decides whether the pod gets traffic.")),
    startupProbe: pointer(object(22, probeSchema, "Holds back the other probes until it succeeds.")),
    lifecycle: pointer(object(12, lifecycleSchema, "What to do after the start and before the stop.")),
    terminationMessagePath: string(13, "A file with the last words of the container."),
    terminationMessagePolicy: string(20, "Where the last words come from: File or FallbackToLogsOnError."),
    imagePullPolicy: string(14, "When the image is pulled: Always, IfNotPresent or Never."),
    securityContext: pointer(object(15, securityContextSchema, "Security settings of the container.")),
    stdin: boolean(16, "Whether standard input is kept open."),
    stdinOnce: boolean(17, "Whether standard input closes after the first session."),
    tty: boolean(18, "Whether the container gets a terminal; needs stdin."),
  },
);

/** One container of a pod. */
export const ephemeralContainerCommonFields: FieldsOf<EphemeralContainerCommon> = {
  name: required(string(1, "The container's name, a DNS label, unique in the pod.")),
  image: string(2, "The image to run."),
  command: strings(3, "The program and its first arguments; the image's entry point if empty.", {
    list: { type: "atomic" },
  }),
  args: strings(4, "Arguments of the entry point.", { list: { type: "atomic" } }),
  workingDir: string(5, "The working directory; the image's if empty."),
  ports: list(
    6,
    containerPortSchema,
    "The ports that the container serves. Names given here can be used as a service's targetPort.",
    {
      list: { type: "map", keys: ["containerPort", "protocol"] },
      patch: { strategy: "merge", key: "containerPort" },
    },
  ),
  envFrom: list(19, envFromSourceSchema, "Sources of many environment variables.", {
    list: { type: "atomic" },
  }),
  env: list(7, envVarSchema, "Environment variables.", {
    list: { type: "map", keys: ["name"] },
    patch: { strategy: "merge", key: "name" },
  }),
  resources: object(8, resourceRequirementsSchema, "Resources asked for, and limits."),
  resizePolicy: list(23, containerResizePolicySchema, "What a change of resources does to the container.", {
    list: { type: "atomic" },
  }),
  restartPolicy: pointer(string(24, "Always makes an init container a sidecar.")),
  restartPolicyRules,
  volumeMounts: list(9, volumeMountSchema, "Volumes and where they are mounted.", {
    list: { type: "map", keys: ["mountPath"] },
    patch: { strategy: "merge", key: "mountPath" },
  }),
  volumeDevices: list(21, volumeDeviceSchema, "Block devices and where they appear.", {
    list: { type: "map", keys: ["devicePath"] },
    patch: { strategy: "merge", key: "devicePath" },
  }),
  livenessProbe: pointer(object(10, probeSchema, "Restarts the container when it fails.")),
  readinessProbe: pointer(object(11, probeSchema, "Decides whether the pod gets traffic.")),
  startupProbe: pointer(object(22, probeSchema, "Holds back the other probes until it succeeds.")),
  lifecycle: pointer(object(12, lifecycleSchema, "What to do after the start and before the stop.")),
  terminationMessagePath: string(13, "A file with the last words of the container."),
  terminationMessagePolicy: string(20, "Where the last words come from: File or FallbackToLogsOnError."),
  imagePullPolicy: string(14, "When the image is pulled: Always, IfNotPresent or Never."),
  securityContext: pointer(object(15, securityContextSchema, "Security settings of the container.")),
  stdin: boolean(16, "Whether standard input is kept open."),
  stdinOnce: boolean(17, "Whether standard input closes after the first session."),
  tty: boolean(18, "Whether the container gets a terminal; needs stdin."),
};

export const ephemeralContainerSchema: ObjectSchema<EphemeralContainer> = objectSchema(
  "io.k8s.api.core.v1.EphemeralContainer",
  "A container added to a running pod for debugging.",
  {
    ...inline(1, ephemeralContainerCommonFields),
    targetContainerName: string(2, "The container whose namespaces it joins."),
  },
);
