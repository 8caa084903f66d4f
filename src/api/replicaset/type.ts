/** apps/v1 ReplicaSet: a number of pods of one template. */
import type { KubeObject, LabelSelector, Time } from "../meta/type.ts";
import type { PodTemplateSpec } from "../podtemplate/type.ts";

export interface ReplicaSetSpec {
  replicas?: number;
  /** Seconds that a pod must be ready before it counts as available. */
  minReadySeconds?: number;
  selector?: LabelSelector;
  template?: PodTemplateSpec;
}

export interface ReplicaSetCondition {
  type: string;
  status: "True" | "False" | "Unknown";
  lastTransitionTime?: Time;
  reason?: string;
  message?: string;
}

export interface ReplicaSetStatus {
  replicas: number;
  /** Pods that have all labels of the template, not only those that the selector asks for. */
  fullyLabeledReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  terminatingReplicas?: number;
  observedGeneration?: number;
  conditions?: ReplicaSetCondition[];
}

export interface ReplicaSet extends KubeObject {
  spec?: ReplicaSetSpec;
  status?: ReplicaSetStatus;
}
