/** The components.schemas of OpenAPI v3 documents, from the kinds' schemas. */
import type { CustomSchema, FieldSchema, ObjectSchema, ScalarSchema, ValueSchema } from "../schema/schema.ts";

export type Json = Record<string, unknown>;

const META = "io.k8s.apimachinery.pkg.apis.meta.v1";
const TIME = `${META}.Time`;
const MICRO_TIME = `${META}.MicroTime`;
const QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
const FREE_JSON = `${META}.FieldsV1`;

export function reference(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

/** Types that are a component of their own though they have no fields. */
const SCALAR_COMPONENTS: Readonly<Record<string, Json>> = {
  [TIME]: { description: "A time: RFC 3339, with seconds.", type: "string", format: "date-time" },
  [MICRO_TIME]: { description: "A time: RFC 3339, with microseconds.", type: "string", format: "date-time" },
  [QUANTITY]: {
    description: 'An amount, such as "100m", "1.5" or "2Gi".',
    oneOf: [{ type: "string" }, { type: "number" }],
  },
  [INT_OR_STRING]: {
    description: "A number or a string.",
    format: "int-or-string",
    oneOf: [{ type: "integer" }, { type: "string" }],
  },
  [FREE_JSON]: { description: "Any JSON object.", type: "object" },
};

/** Gathers schemas and everything they refer to. */
export class ComponentSchemas {
  readonly #schemas = new Map<string, Json>();

  /** In order of name. */
  toJSON(): Json {
    return Object.fromEntries([...this.#schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Adds a schema as it is. */
  addRaw(name: string, schema: Json): void {
    this.#schemas.set(name, schema);
  }

  /** Adds the schema of an object and of all its parts. `extra` is for the top level: x-kubernetes-group-version-kind. */
  add(schema: ObjectSchema<unknown>, extra: Json = {}): void {
    if (this.#schemas.has(schema.name)) return;
    const result: Json = { description: schema.description, type: "object" };
    this.#schemas.set(schema.name, result);
    if (schema.custom !== undefined) return this.#addCustom(schema, schema.custom, result, extra);
    const required: string[] = [];
    const properties: Json = {};
    for (const [name, field] of schema.fields) {
      properties[name] = this.#property(field);
      // A pointer may be null, so that clients need not send it.
      if (isListed(field)) required.push(name);
    }
    if (required.length > 0) result["required"] = required.sort();
    result["properties"] = properties;
    if (schema.atomic) result["x-kubernetes-map-type"] = "atomic";
    Object.assign(result, extra);
  }

  /** What a CustomResourceDefinition says, with the fields that every kind has. */
  #addCustom(schema: ObjectSchema<unknown>, custom: CustomSchema, result: Json, extra: Json): void {
    const { properties, ...rest } = custom.openApi;
    const common: Json = {};
    for (const name of ["apiVersion", "kind", "metadata"])
      common[name] = this.#property(schema.fields.get(name)!);
    Object.assign(result, rest, { properties: { ...common, ...(properties as Json) } }, extra);
  }

  #property(field: FieldSchema): Json {
    const property: Json = { description: field.description, ...this.#value(field.value) };
    if (field.default !== undefined) property["default"] = field.default;
    else if (field.required && !field.pointer) {
      const empty = emptyDefault(field.value);
      if (empty !== undefined) property["default"] = empty;
    }
    if (field.list !== undefined) {
      property["x-kubernetes-list-type"] = field.list.type;
      if (field.list.keys !== undefined) property["x-kubernetes-list-map-keys"] = field.list.keys;
    }
    if (field.atomic === true) property["x-kubernetes-map-type"] = "atomic";
    if (field.patch !== undefined) {
      property["x-kubernetes-patch-strategy"] = field.patch.strategy;
      if (field.patch.key !== undefined) property["x-kubernetes-patch-merge-key"] = field.patch.key;
    }
    return property;
  }

  #value(schema: ValueSchema): Json {
    switch (schema.type) {
      case "list":
        return { type: "array", items: this.#value(schema.items) };
      case "map":
        return { type: "object", additionalProperties: this.#value(schema.values) };
      case "object":
        this.add(schema);
        // A description may stand beside allOf, but not beside a bare $ref.
        return { allOf: [reference(schema.name)] };
      default:
        return this.#scalar(schema);
    }
  }

  #scalar(schema: ScalarSchema): Json {
    switch (schema.type) {
      case "string":
        return schema.enum === undefined
          ? { type: "string" }
          : { type: "string", enum: [...schema.enum].sort() };
      case "boolean":
        return { type: "boolean" };
      case "int32":
      case "int64":
        return { type: "integer", format: schema.type };
      case "double":
        return { type: "number", format: "double" };
      case "bytes":
        return { type: "string", format: "byte" };
      case "time":
        return this.#component(TIME);
      case "microTime":
        return this.#component(MICRO_TIME);
      case "quantity":
        return this.#component(QUANTITY);
      case "intOrString":
        return this.#component(INT_OR_STRING);
      case "any":
        return { "x-kubernetes-preserve-unknown-fields": true };
      case "json":
        return this.#component(FREE_JSON);
      default:
        return schema.type satisfies never;
    }
  }

  #component(name: string): Json {
    this.#schemas.set(name, SCALAR_COMPONENTS[name]!);
    return { allOf: [reference(name)] };
  }
}

/** Whether a client must send the field. */
function isListed({ required, optional }: FieldSchema): boolean {
  return optional === undefined ? required : !optional;
}

/** What a required field is when a client leaves it out. */
function emptyDefault(schema: ValueSchema): unknown {
  switch (schema.type) {
    case "string":
      return schema.enum === undefined ? "" : undefined;
    case "boolean":
      return false;
    case "int32":
    case "int64":
      return 0;
    case "object":
      return {};
    default:
      return undefined;
  }
}
