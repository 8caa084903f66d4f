/** apps/v1 Deployment: pods of a template, and how they are replaced when the template changes. */
import type { IntOrString, KubeObject, LabelSelector, Time } from "../meta/type.ts";
import type { PodTemplateSpec } from "../podtemplate/type.ts";

export interface RollingUpdateDeployment {
  maxUnavailable?: IntOrString;
  maxSurge?: IntOrString;
}

export interface DeploymentStrategy {
  type?: "Recreate" | "RollingUpdate";
  rollingUpdate?: RollingUpdateDeployment;
}

export interface DeploymentSpec {
  replicas?: number;
  selector?: LabelSelector;
  template: PodTemplateSpec;
  strategy?: DeploymentStrategy;
  /** Seconds that a pod must be ready before it counts as available. */
  minReadySeconds?: number;
  revisionHistoryLimit?: number;
  paused?: boolean;
  /** Seconds without progress after which the Deployment counts as failed. */
  progressDeadlineSeconds?: number;
}

export interface DeploymentCondition {
  type: string;
  status: "True" | "False" | "Unknown";
  lastUpdateTime?: Time;
  lastTransitionTime?: Time;
  reason?: string;
  message?: string;
}

export interface DeploymentStatus {
  observedGeneration?: number;
  replicas?: number;
  updatedReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  unavailableReplicas?: number;
  terminatingReplicas?: number;
  conditions?: DeploymentCondition[];
  /** Counts clashes of names of ReplicaSets; part of what their names are made from. */
  collisionCount?: number;
}

export interface Deployment extends KubeObject {
  spec?: DeploymentSpec;
  status?: DeploymentStatus;
}
