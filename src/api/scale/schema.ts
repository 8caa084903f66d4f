/** The schema of autoscaling/v1 Scale. */
import { kindSchema } from "../meta/kind-schema.ts";
import { int32, object, objectSchema, required, string } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { Scale, ScaleSpec, ScaleStatus } from "./type.ts";

const scaleSpecSchema: ObjectSchema<ScaleSpec> = objectSchema(
  "io.k8s.api.autoscaling.v1.ScaleSpec",
  "How many replicas are wanted.",
  { replicas: int32(1, "The number of replicas that should run.") },
);

const scaleStatusSchema: ObjectSchema<ScaleStatus> = objectSchema(
  "io.k8s.api.autoscaling.v1.ScaleStatus",
  "How many replicas there are.",
  {
    replicas: required(int32(1, "The number of replicas that were seen.")),
    selector: string(2, "The label selector of the replicas' pods, as text."),
  },
);

export const scaleSchema: ObjectSchema<Scale> = kindSchema(
  "io.k8s.api.autoscaling.v1.Scale",
  "How many replicas something has and should have.",
  {
    spec: object(2, scaleSpecSchema, "What is wanted."),
    status: object(3, scaleStatusSchema, "What was seen. Read-only."),
  },
);
