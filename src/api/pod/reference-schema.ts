/** The schemas of v1 Pod: references to objects and to fields. */
import type {
  LocalObjectReference,
  ObjectFieldSelector,
  ResourceFieldSelector,
  TypedLocalObjectReference,
  TypedObjectReference,
} from "./reference-type.ts";
import { objectSchema, pointer, quantity, required, string, written } from "../schema/fields.ts";
import type { FieldsOf } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";

/** Points at an object in the same namespace. */
export const localObjectReferenceFields: FieldsOf<LocalObjectReference> = {
  name: string(1, "The name."),
};
export const localObjectReferenceSchema: ObjectSchema<LocalObjectReference> = objectSchema(
  "io.k8s.api.core.v1.LocalObjectReference",
  "Points at an object in the same namespace.",
  localObjectReferenceFields,
  { atomic: true },
);

export const objectFieldSelectorSchema: ObjectSchema<ObjectFieldSelector> = objectSchema(
  "io.k8s.api.core.v1.ObjectFieldSelector",
  "A field of the pod.",
  {
    apiVersion: string(1, "The version that the path is written in."),
    fieldPath: required(string(2, "The path, such as status.podIP.")),
  },
  { atomic: true },
);

export const resourceFieldSelectorSchema: ObjectSchema<ResourceFieldSelector> = objectSchema(
  "io.k8s.api.core.v1.ResourceFieldSelector",
  "A resource of a container.",
  {
    containerName: string(1, "The container."),
    resource: required(string(2, "The resource, such as limits.cpu.")),
    divisor: quantity(3, "The unit of the result."),
  },
  { atomic: true },
);

export const typedLocalObjectReferenceSchema: ObjectSchema<TypedLocalObjectReference> = objectSchema(
  "io.k8s.api.core.v1.TypedLocalObjectReference",
  "Points at an object in the same namespace.",
  {
    apiGroup: written(pointer(string(1, "The object's API group."))),
    kind: required(string(2, "The kind.")),
    name: required(string(3, "The name.")),
  },
  { atomic: true },
);

export const typedObjectReferenceSchema: ObjectSchema<TypedObjectReference> = objectSchema(
  "io.k8s.api.core.v1.TypedObjectReference",
  "Points at an object.",
  {
    apiGroup: written(pointer(string(1, "The object's API group."))),
    kind: required(string(2, "The kind.")),
    name: required(string(3, "The name.")),
    namespace: pointer(string(4, "The namespace.")),
  },
);
