/**
 * How server-side apply sees a value: what is one thing, and what is many, each with an owner of its own. Derived from
 * the schema's list types, map keys and atomic markers as kube-openapi's schemaconv does it for structured-merge-diff.
 */
import type { FieldSchema, ObjectSchema, ScalarSchema, ValueSchema } from "../schema/schema.ts";
import { keyElement, type PathElement, valueElement } from "./path-element.ts";

export type Shape =
  | { readonly type: "scalar"; readonly scalar: ScalarSchema }
  /** A list or object with one owner. `is` is what its value looks like. */
  | { readonly type: "atomic"; readonly is: "list" | "map"; readonly value: ValueSchema }
  /** Scalars that are told apart by their value. */
  | { readonly type: "set"; readonly items: ScalarSchema }
  /** Objects that are told apart by the values of some fields. */
  | { readonly type: "listMap"; readonly items: ObjectSchema<unknown>; readonly keys: readonly ListKey[] }
  | { readonly type: "map"; readonly values: Shape }
  | { readonly type: "struct"; readonly schema: ObjectSchema<unknown> }
  /** Any JSON: objects are taken apart, everything else is one thing. */
  | { readonly type: "free" };

export interface ListKey {
  readonly name: string;
  /** What the key is where an element does not say; undefined if it must. */
  readonly default: unknown;
}

const FREE: Shape = { type: "free" };
const ofFields = new WeakMap<FieldSchema, Shape>();
const ofValues = new WeakMap<ValueSchema, Shape>();

/** The shape of the field `name` of a struct; undefined if there can be no such field. */
export function fieldShape(schema: ObjectSchema<unknown>, name: string): Shape | undefined {
  const field = schema.fields.get(name);
  if (field === undefined) return schema.open === true ? FREE : undefined;
  let shape = ofFields.get(field);
  if (shape === undefined) ofFields.set(field, (shape = shapeOfField(field)));
  return shape;
}

function shapeOfField({ value, list, atomic }: FieldSchema): Shape {
  if (value.type === "list") {
    const { items } = value;
    if (list?.type === "set" && items.type !== "object") return { type: "set", items };
    if (list?.type === "map" && items.type === "object")
      return { type: "listMap", items, keys: listKeys(items, list.keys ?? []) };
    return { type: "atomic", is: "list", value };
  }
  if (atomic === true && (value.type === "map" || value.type === "object"))
    return { type: "atomic", is: "map", value };
  return shapeOfValue(value);
}

/** The shape of a value where no field says more about it: a whole object, an element of a list or map. */
export function shapeOfValue(value: ValueSchema): Shape {
  let shape = ofValues.get(value);
  if (shape === undefined) ofValues.set(value, (shape = makeShape(value)));
  return shape;
}

function makeShape(value: ValueSchema): Shape {
  switch (value.type) {
    case "list":
      return { type: "atomic", is: "list", value };
    case "map":
      return { type: "map", values: shapeOfValue(value.values) };
    case "object":
      return value.atomic ? { type: "atomic", is: "map", value } : { type: "struct", schema: value };
    case "json":
      return FREE;
    default:
      return { type: "scalar", scalar: value };
  }
}

/** In ascending order of name, as path elements have them. */
function listKeys(items: ObjectSchema<unknown>, names: readonly string[]): ListKey[] {
  return [...names].sort().map((name) => {
    const field = items.fields.get(name);
    const empty = field?.required === true ? emptyKey(field.value) : undefined;
    return { name, default: field?.default ?? empty };
  });
}

/** OpenAPI gives required fields that are not of a closed set an empty default, and with it they are optional as keys. */
function emptyKey(value: ValueSchema): unknown {
  switch (value.type) {
    case "string":
      return value.enum === undefined ? "" : undefined;
    case "int32":
    case "int64":
      return 0;
    case "boolean":
      return false;
    default:
      return undefined;
  }
}

/** The path element of an item, or a sentence about why it has none. */
export function itemElement(
  shape: Shape & { type: "set" | "listMap" },
  item: unknown,
): { readonly element: PathElement } | { readonly complaint: string } {
  if (shape.type === "set") {
    if (item === null) return no("associative list without keys has an element that's an explicit null");
    if (Array.isArray(item)) return no("not supported: associative list with lists as elements");
    if (typeof item === "object") return no("associative list without keys has an element that's a map type");
    return { element: valueElement(item) };
  }
  if (item === null) return no("associative list with keys may not have a null element");
  if (!isMap(item)) return no("associative list with keys may not have non-map elements");
  const keys: Record<string, unknown> = {};
  let any = false;
  for (const { name, default: fallback } of shape.keys) {
    const value = Object.hasOwn(item, name) ? item[name] : fallback;
    if (value === undefined) continue;
    keys[name] = value;
    any = true;
  }
  if (any) return { element: keyElement(keys) };
  const names = shape.keys.map(({ name }) => JSON.stringify(name)).join(" ");
  return no(
    `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`,
  );
}

function no(complaint: string): { readonly complaint: string } {
  return { complaint };
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The parts of a map-like value by path element, with the shape of each. Unknown fields of a struct have none. */
export function partShape(
  shape: Shape & { type: "map" | "struct" | "free" },
  key: string,
): Shape | undefined {
  switch (shape.type) {
    case "map":
      return shape.values;
    case "struct":
      return fieldShape(shape.schema, key);
    default:
      return FREE;
  }
}

/** What the items of a list that is taken apart look like. */
export function itemShape(shape: Shape & { type: "set" | "listMap" }): Shape {
  return shapeOfValue(shape.items);
}
