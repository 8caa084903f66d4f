/** v1 Pod. Its parts are in files by topic: spec-type.ts, container-type.ts, probe-type.ts, volume-type.ts, status-type.ts, ... */
import type { KubeObject } from "../meta/type.ts";
import type { PodSpec } from "./spec-type.ts";
import type { PodStatus } from "./status-type.ts";

export type { Container, ContainerPort, EnvVar } from "./container-type.ts";
export type { Probe } from "./probe-type.ts";
export type { PodSpec } from "./spec-type.ts";
export type { ContainerState, ContainerStatus, PodCondition, PodStatus } from "./status-type.ts";

export interface Pod extends KubeObject {
  spec?: PodSpec;
  status?: PodStatus;
}
