/** v1 ReplicationController: what ReplicaSet was called first. Its selector is a plain set of labels. */
import type { KubeObject, Time } from "../meta/type.ts";
import type { PodTemplateSpec } from "../podtemplate/type.ts";

export interface ReplicationControllerSpec {
  replicas?: number;
  /** Seconds that a pod must be ready before it counts as available. */
  minReadySeconds?: number;
  selector?: Record<string, string>;
  template?: PodTemplateSpec;
}

export interface ReplicationControllerCondition {
  type: string;
  status: "True" | "False" | "Unknown";
  lastTransitionTime?: Time;
  reason?: string;
  message?: string;
}

export interface ReplicationControllerStatus {
  replicas: number;
  /** Pods that have all labels of the template, not only those that the selector asks for. */
  fullyLabeledReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  observedGeneration?: number;
  conditions?: ReplicationControllerCondition[];
}

export interface ReplicationController extends KubeObject {
  spec?: ReplicationControllerSpec;
  status?: ReplicationControllerStatus;
}
