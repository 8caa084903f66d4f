/** The schema of v1 Pod. */
import { object } from "../schema/fields.ts";
import { podSpecSchema } from "./spec-schema.ts";
import { podStatusSchema } from "./status-schema.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import { kindSchema } from "../meta/kind-schema.ts";
import type { Pod } from "./type.ts";

export const podSchema: ObjectSchema<Pod> = kindSchema(
  "io.k8s.api.core.v1.Pod",
  "One or more containers that run together on a node and share an address.",
  {
    spec: object(2, podSpecSchema, "What should run."),
    status: object(3, podStatusSchema, "What runs at present; written by the system."),
  },
);
