/** The schema of v1 PodTemplate, and of the templates in other kinds. */
import { kindSchema } from "../meta/kind-schema.ts";
import { objectMetaSchema } from "../meta/schema.ts";
import { podSpecSchema } from "../pod/spec-schema.ts";
import { object, objectSchema } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { PodTemplate, PodTemplateSpec } from "./type.ts";

export const podTemplateSpecSchema: ObjectSchema<PodTemplateSpec> = objectSchema(
  "io.k8s.api.core.v1.PodTemplateSpec",
  "What the pods are like that are made from a template.",
  {
    metadata: object(1, objectMetaSchema, "Labels and annotations of the pods."),
    spec: object(2, podSpecSchema, "What should run in them."),
  },
);

export const podTemplateSchema: ObjectSchema<PodTemplate> = kindSchema(
  "io.k8s.api.core.v1.PodTemplate",
  "A template of pods, stored for later.",
  { template: object(2, podTemplateSpecSchema, "What the pods are like.") },
);
