/** The schema of v1 Binding. */
import { objectReferenceSchema } from "../event/schema.ts";
import { kindSchema } from "../meta/kind-schema.ts";
import { object, required } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { Binding } from "./type.ts";

export const bindingSchema: ObjectSchema<Binding> = kindSchema(
  "io.k8s.api.core.v1.Binding",
  "Puts the pod of its name on a node. Its annotations become the pod's.",
  { target: required(object(2, objectReferenceSchema, "The node.")) },
);
