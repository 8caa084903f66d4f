/** A structural schema in the form that drives everything general: reading, server-side apply, OpenAPI. */
import type { JSONSchemaProps } from "../customresourcedefinition/type.ts";
import { kindSchema } from "../meta/kind-schema.ts";
import type { KubeObject } from "../meta/type.ts";
import type { FieldSchema, ListMerge, ObjectSchema, ScalarSchema, ValueSchema } from "../schema/schema.ts";
import { openApiOf } from "./openapi.ts";
import { prune } from "./prune.ts";

const ANY: ScalarSchema = { type: "any" };
const FREE: ScalarSchema = { type: "json" };
const SCALARS: Readonly<Record<string, ScalarSchema>> = {
  boolean: { type: "boolean" },
  integer: { type: "int64" },
  number: { type: "double" },
  string: { type: "string" },
};

/** `name` as OpenAPI has it, "com.example.stable.v1.CronTab". */
export function customObjectSchema(name: string, schema: JSONSchemaProps): ObjectSchema<KubeObject> {
  const common = kindSchema<KubeObject>(name, schema.description ?? "", {});
  const own = objectOf(name, schema);
  return {
    ...common,
    ...(own.open === true && { open: true }),
    fields: new Map([...own.fields, ...common.fields]),
    custom: { prune: (value, unknown) => prune(schema, value, unknown), openApi: openApiOf(schema) },
  };
}

function objectOf(name: string, schema: JSONSchemaProps): ObjectSchema<unknown> {
  const needed = new Set(schema.required);
  const fields = Object.entries(schema.properties ?? {}).map(
    ([field, part]) => [field, fieldOf(`${name}.${field}`, part, needed.has(field))] as const,
  );
  return {
    type: "object",
    name,
    description: schema.description ?? "",
    // An embedded object has what every object has, named in its schema or not.
    fields:
      schema["x-kubernetes-embedded-resource"] === true
        ? new Map([...fields, ...kindSchema<KubeObject>(name, "", {}).fields])
        : new Map(fields),
    wire: new Map(),
    atomic: schema["x-kubernetes-map-type"] === "atomic",
    ...(schema["x-kubernetes-preserve-unknown-fields"] === true && { open: true }),
  };
}

function fieldOf(name: string, schema: JSONSchemaProps, required: boolean): FieldSchema {
  const list = mergeOf(schema);
  const { default: fallback } = schema;
  return {
    number: 0,
    value: valueOf(name, schema),
    description: schema.description ?? "",
    required,
    pointer: true,
    ...(list !== undefined && { list }),
    ...(schema["x-kubernetes-map-type"] === "atomic" && { atomic: true }),
    ...((typeof fallback === "string" || typeof fallback === "number" || typeof fallback === "boolean") && {
      default: fallback,
    }),
  };
}

function mergeOf(schema: JSONSchemaProps): ListMerge | undefined {
  if (schema.type !== "array") return undefined;
  switch (schema["x-kubernetes-list-type"]) {
    case "set":
      return { type: "set" };
    case "map":
      return { type: "map", keys: schema["x-kubernetes-list-map-keys"] ?? [] };
    default:
      return { type: "atomic" };
  }
}

function valueOf(name: string, schema: JSONSchemaProps): ValueSchema {
  const { type, items, properties, additionalProperties } = schema;
  if (schema["x-kubernetes-int-or-string"] === true) return ANY;
  if (type === "array") {
    const item = items === undefined ? ANY : valueOf(`${name}.items`, items);
    // Lists in lists are one thing for server-side apply, since the outer one is.
    return { type: "list", items: item.type === "list" || item.type === "map" ? ANY : item };
  }
  if (type === "object" || (type === undefined && properties !== undefined)) {
    if (typeof additionalProperties === "object") {
      const values = valueOf(`${name}.values`, additionalProperties);
      return { type: "map", values: values.type === "map" ? FREE : values };
    }
    // What may hold unknown fields is taken apart field by field.
    if (additionalProperties === true) return FREE;
    if (schema["x-kubernetes-preserve-unknown-fields"] === true && properties === undefined) return FREE;
    return objectOf(name, schema);
  }
  return SCALARS[type ?? ""] ?? FREE;
}
