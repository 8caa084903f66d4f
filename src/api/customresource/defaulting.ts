/** Fills in the defaults of a structural schema (apiextensions-apiserver pkg/apiserver/schema/defaulting). */
import type { JSONSchemaProps } from "../customresourcedefinition/type.ts";
import { schemaOf } from "./prune.ts";

/** Mutates. A null where null is no value gives way to the default. */
export function setSchemaDefaults(schema: JSONSchemaProps, value: unknown): void {
  if (Array.isArray(value)) {
    if (schema.items !== undefined) for (const item of value) setSchemaDefaults(schema.items, item);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const object = value as Record<string, unknown>;
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined || property.default === null) continue;
    const given = Object.hasOwn(object, name) ? object[name] : undefined;
    if (given === undefined || (given === null && property.nullable !== true))
      object[name] = structuredClone(property.default);
  }
  for (const [name, part] of Object.entries(object)) {
    const partSchema = schemaOf(schema, name);
    if (partSchema !== undefined) setSchemaDefaults(partSchema, part);
  }
}
