/** v1 PodTemplate, and the template of pods that Deployments and the like have in their specification. */
import type { KubeObject, ObjectMeta } from "../meta/type.ts";
import type { PodSpec } from "../pod/spec-type.ts";

export interface PodTemplateSpec {
  metadata?: ObjectMeta;
  spec?: PodSpec;
}

export interface PodTemplate extends KubeObject {
  template?: PodTemplateSpec;
}
