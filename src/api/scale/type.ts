/** autoscaling/v1 Scale: how many replicas something has and should have, in the same form for every kind. */
import type { KubeObject } from "../meta/type.ts";

export interface ScaleSpec {
  replicas?: number;
}

export interface ScaleStatus {
  replicas: number;
  /** A label selector in its text form, "app=web,tier in (a,b)". */
  selector?: string;
}

export interface Scale extends KubeObject {
  spec?: ScaleSpec;
  status?: ScaleStatus;
}
