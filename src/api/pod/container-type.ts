/** v1 Pod: containers. */
import type { Quantity } from "../meta/type.ts";
import type { Lifecycle, Probe } from "./probe-type.ts";
import type { LocalObjectReference, ObjectFieldSelector, ResourceFieldSelector } from "./reference-type.ts";
import type { SecurityContext } from "./security-type.ts";
import type { Protocol } from "../service/type.ts";

/** One container of a pod. */
export interface Container {
  /** The container's name, a DNS label, unique in the pod. */
  name: string;
  /** The image to run. */
  image?: string;
  /** The program and its first arguments; the image's entry point if empty. */
  command?: string[];
  /** Arguments of the entry point. */
  args?: string[];
  /** The working directory; the image's if empty. */
  workingDir?: string;
  /** The ports that the container serves. Names given here can be used as a service's targetPort. */
  ports?: ContainerPort[];
  /** Sources of many environment variables. */
  envFrom?: EnvFromSource[];
  /** Environment variables. */
  env?: EnvVar[];
  /** Resources asked for, and limits. */
  resources?: ResourceRequirements;
  /** What a change of resources does to the container. */
  resizePolicy?: ContainerResizePolicy[];
  /** Always makes an init container a sidecar. */
  restartPolicy?: string;
  /** Exits after which it is restarted. Dropped, as with the gate ContainerRestartRules off. */
  restartPolicyRules?: ContainerRestartRule[];
  /** Volumes and where they are mounted. */
  volumeMounts?: VolumeMount[];
  /** Block devices and where they appear. */
  volumeDevices?: VolumeDevice[];
  /** Restarts the container when it fails. */
  livenessProbe?: Probe;
  /** Decides whether the pod gets traffic. */
  readinessProbe?: Probe;
  /** Holds back the other probes until it succeeds. */
  startupProbe?: Probe;
  /** What to do after the start and before the stop. */
  lifecycle?: Lifecycle;
  /** A file with the last words of the container. */
  terminationMessagePath?: string;
  /** Where the last words come from: File or FallbackToLogsOnError. */
  terminationMessagePolicy?: string;
  /** When the image is pulled: Always, IfNotPresent or Never. */
  imagePullPolicy?: string;
  /** Security settings of the container. */
  securityContext?: SecurityContext;
  /** Whether standard input is kept open. */
  stdin?: boolean;
  /** Whether standard input closes after the first session. */
  stdinOnce?: boolean;
  /** Whether the container gets a terminal; needs stdin. */
  tty?: boolean;
}

/** One container of a pod. */
export interface EphemeralContainerCommon {
  /** The container's name, a DNS label, unique in the pod. */
  name: string;
  /** The image to run. */
  image?: string;
  /** The program and its first arguments; the image's entry point if empty. */
  command?: string[];
  /** Arguments of the entry point. */
  args?: string[];
  /** The working directory; the image's if empty. */
  workingDir?: string;
  /** The ports that the container serves. Names given here can be used as a service's targetPort. */
  ports?: ContainerPort[];
  /** Sources of many environment variables. */
  envFrom?: EnvFromSource[];
  /** Environment variables. */
  env?: EnvVar[];
  /** Resources asked for, and limits. */
  resources?: ResourceRequirements;
  /** What a change of resources does to the container. */
  resizePolicy?: ContainerResizePolicy[];
  /** Always makes an init container a sidecar. */
  restartPolicy?: string;
  /** Exits after which it is restarted. Dropped, as with the gate ContainerRestartRules off. */
  restartPolicyRules?: ContainerRestartRule[];
  /** Volumes and where they are mounted. */
  volumeMounts?: VolumeMount[];
  /** Block devices and where they appear. */
  volumeDevices?: VolumeDevice[];
  /** Restarts the container when it fails. */
  livenessProbe?: Probe;
  /** Decides whether the pod gets traffic. */
  readinessProbe?: Probe;
  /** Holds back the other probes until it succeeds. */
  startupProbe?: Probe;
  /** What to do after the start and before the stop. */
  lifecycle?: Lifecycle;
  /** A file with the last words of the container. */
  terminationMessagePath?: string;
  /** Where the last words come from: File or FallbackToLogsOnError. */
  terminationMessagePolicy?: string;
  /** When the image is pulled: Always, IfNotPresent or Never. */
  imagePullPolicy?: string;
  /** Security settings of the container. */
  securityContext?: SecurityContext;
  /** Whether standard input is kept open. */
  stdin?: boolean;
  /** Whether standard input closes after the first session. */
  stdinOnce?: boolean;
  /** Whether the container gets a terminal; needs stdin. */
  tty?: boolean;
}

/** A container added to a running pod for debugging. */
export interface EphemeralContainer extends EphemeralContainerCommon {
  /** The container whose namespaces it joins. */
  targetContainerName?: string;
}

/** A port that a container serves. */
export interface ContainerPort {
  /** The port's name, for a service's targetPort. */
  name?: string;
  /** The port on the node that leads here. */
  hostPort?: number;
  /** The port number in the container. */
  containerPort: number;
  /** The transport protocol. */
  protocol?: Protocol;
  /** The node's address that `hostPort` is bound to. */
  hostIP?: string;
}

/** A source of many environment variables. */
export interface EnvFromSource {
  /** Put before each name. */
  prefix?: string;
  /** A ConfigMap. */
  configMapRef?: ConfigMapEnvSource;
  /** A Secret. */
  secretRef?: SecretEnvSource;
}

/** A ConfigMap. */
export interface ConfigMapEnvSource extends LocalObjectReference {
  /** Whether it may be missing. */
  optional?: boolean;
}

/** A Secret. */
export interface SecretEnvSource extends LocalObjectReference {
  /** Whether it may be missing. */
  optional?: boolean;
}

/** An environment variable. */
export interface EnvVar {
  /** Its name. */
  name: string;
  /** Its value; $(NAME) is replaced by earlier variables. */
  value?: string;
  /** Where the value comes from. */
  valueFrom?: EnvVarSource;
}

/** Where a value comes from. */
export interface EnvVarSource {
  /** A field of the pod. */
  fieldRef?: ObjectFieldSelector;
  /** A resource of a container. */
  resourceFieldRef?: ResourceFieldSelector;
  /** A key of a ConfigMap. */
  configMapKeyRef?: ConfigMapKeySelector;
  /** A key of a Secret. */
  secretKeyRef?: SecretKeySelector;
  /** A variable in a file. Dropped, as with the gate EnvFiles off. */
  fileKeyRef?: FileKeySelector;
}

/** A key of a ConfigMap. */
export interface ConfigMapKeySelector extends LocalObjectReference {
  /** The key. */
  key: string;
  /** Whether it may be missing. */
  optional?: boolean;
}

/** A key of a Secret. */
export interface SecretKeySelector extends LocalObjectReference {
  /** The key. */
  key: string;
  /** Whether it may be missing. */
  optional?: boolean;
}

/** What a change of one resource does to a container. */
export interface ContainerResizePolicy {
  /** The resource. */
  resourceName: string;
  /** NotRequired or RestartContainer. */
  restartPolicy: string;
}

/** After which exit codes a container is restarted. */
export interface ContainerRestartRule {
  /** Restart. */
  action?: string;
  exitCodes?: ContainerRestartRuleOnExitCodes;
}

export interface ContainerRestartRuleOnExitCodes {
  /** In or NotIn. */
  operator?: string;
  values?: number[];
}

/** A variable in a file of variables. */
export interface FileKeySelector {
  volumeName: string;
  path: string;
  key: string;
  /** Whether it may be missing. */
  optional?: boolean;
}

/** Resources asked for, and limits. */
export interface ResourceRequirements {
  /** The most that may be used. */
  limits?: Record<string, Quantity>;
  /** What is set aside. */
  requests?: Record<string, Quantity>;
  /** Claims to devices that are used. */
  claims?: ResourceClaim[];
}

/** A claim to devices that is used. */
export interface ResourceClaim {
  /** The name. */
  name: string;
  /** The request within the claim; all if empty. */
  request?: string;
}

/** A volume and where it is mounted. */
export interface VolumeMount {
  /** The volume's name. */
  name: string;
  /** Whether it is read-only. */
  readOnly?: boolean;
  /** Whether mounts below are read-only too: Disabled, IfPossible or Enabled. */
  recursiveReadOnly?: string;
  /** Where it is mounted in the container. */
  mountPath: string;
  /** The path in the volume. */
  subPath?: string;
  /** Whether mounts show up on the other side. */
  mountPropagation?: string;
  /** The path in the volume, with $(NAME) replaced by environment variables. */
  subPathExpr?: string;
}

/** A block device and where it appears. */
export interface VolumeDevice {
  /** The volume's name. */
  name: string;
  /** Where it appears in the container. */
  devicePath: string;
}
