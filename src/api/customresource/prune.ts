/**
 * Drops what a structural schema does not know (apiextensions-apiserver pkg/apiserver/schema/pruning). Types are not
 * looked at: what is no object where the schema has properties is kept, and refused by validation.
 */
import type { JSONSchemaProps } from "../customresourcedefinition/type.ts";

type Json = Readonly<Record<string, unknown>>;

/** Fields of embedded objects that no schema needs to name. */
const EMBEDDED: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata"]);
/** A few dozen say enough. */
const MAX_UNKNOWN = 100;

/**
 * A copy of a whole object without unknown fields. `unknown field "spec.foo"` is added to `unknown` for each. Every
 * object has apiVersion, kind and metadata whether or not the schema says so.
 */
export function prune(schema: JSONSchemaProps, value: Json, unknown: string[]): Record<string, unknown> {
  return pruneObject(schema, value, "", unknown, true);
}

function pruneValue(schema: JSONSchemaProps, value: unknown, path: string, unknown: string[]): unknown {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return structuredClone(value);
    return value.map((item: unknown, i) => pruneValue(items, item, `${path}[${i}]`, unknown));
  }
  if (typeof value !== "object" || value === null) return value;
  return pruneObject(schema, value as Json, path, unknown, schema["x-kubernetes-embedded-resource"] === true);
}

function pruneObject(
  schema: JSONSchemaProps,
  value: Json,
  path: string,
  unknown: string[],
  embedded: boolean,
): Record<string, unknown> {
  const entries: [string, unknown][] = [];
  for (const [name, part] of Object.entries(value)) {
    const at = path === "" ? name : `${path}.${name}`;
    const partSchema = schemaOf(schema, name);
    if (embedded && EMBEDDED.has(name)) entries.push([name, structuredClone(part)]);
    else if (partSchema !== undefined) entries.push([name, pruneValue(partSchema, part, at, unknown)]);
    else if (schema["x-kubernetes-preserve-unknown-fields"] === true)
      entries.push([name, structuredClone(part)]);
    else if (unknown.length < MAX_UNKNOWN) unknown.push(`unknown field "${at}"`);
  }
  // Not by assignment: a field may be called __proto__.
  return Object.fromEntries(entries);
}

/** The schema of a property; undefined if it is unknown. */
export function schemaOf(
  { properties, additionalProperties }: JSONSchemaProps,
  name: string,
): JSONSchemaProps | undefined {
  if (properties !== undefined && Object.hasOwn(properties, name)) return properties[name];
  if (additionalProperties === true) return { "x-kubernetes-preserve-unknown-fields": true };
  return typeof additionalProperties === "object" ? additionalProperties : undefined;
}
