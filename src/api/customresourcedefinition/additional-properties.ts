/**
 * additionalProperties is a schema or a boolean, which no field of ours can say; so it is read as any JSON, and what is in
 * it is brought into form here.
 */
import { structure, StructureError } from "../schema/json/structure.ts";
import { jsonSchemaPropsSchema } from "./json-schema-props.ts";
import type { JSONSchemaProps } from "./type.ts";

/** Brings the schemas in additionalProperties into canonical form, at every depth. Mutates. What is no schema stays. */
export function normalizeAdditionalProperties(schema: JSONSchemaProps): void {
  const { additionalProperties: additional, items, not, allOf = [], anyOf = [], oneOf = [] } = schema;
  if (isObject(additional)) {
    const read = readSchema(additional);
    if (typeof read !== "string") schema.additionalProperties = read;
  }
  for (const part of [...Object.values(schema.properties ?? {}), ...allOf, ...anyOf, ...oneOf])
    normalizeAdditionalProperties(part);
  if (items !== undefined) normalizeAdditionalProperties(items);
  if (not !== undefined) normalizeAdditionalProperties(not);
}

/** What is wrong with additionalProperties, as no schema and no boolean; undefined if nothing is. */
export function additionalPropertiesComplaint(additional: unknown): string | undefined {
  if (additional === undefined || typeof additional === "boolean") return undefined;
  if (!isObject(additional)) return "must be a schema or a boolean";
  const read = readSchema(additional);
  return typeof read === "string" ? read : undefined;
}

function readSchema(value: unknown): JSONSchemaProps | string {
  try {
    const { object } = structure(jsonSchemaPropsSchema, value);
    normalizeAdditionalProperties(object);
    return object;
  } catch (error) {
    if (!(error instanceof StructureError)) throw error;
    return error.message;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
