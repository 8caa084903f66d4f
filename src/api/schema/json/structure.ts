/**
 * Turns any JSON value into an object of a kind: every field of its declared type, unknown fields left out and noted.
 *
 * The result is canonical, which is what Go's decode and encode make of an object: fields in the schema's order, maps
 * sorted, nulls and empty optional values gone, required ones there even if empty. Two objects that mean the same have
 * the same JSON text.
 */
import { Base64Error, canonicalBase64 } from "./base64.ts";
import { canonicalQuantity, QUANTITY_COMPLAINT } from "../quantity.ts";
import { formatMicroTime, formatTime, parseInstant } from "../time.ts";
import { goTypeName } from "../schema.ts";
import type { FieldSchema, ObjectSchema, ScalarSchema, ValueSchema } from "../schema.ts";

/** A value is not of the declared type. The message is that of Go's decoder: "json: cannot unmarshal ...". */
export class StructureError extends Error {
  override readonly name = "StructureError";
}

export interface Structured<T> {
  readonly object: T;
  /** `unknown field "spec.foo"` for each field that the schema does not have, in order. */
  readonly unknownFields: readonly string[];
}

type Json = Record<string, unknown>;

/** Reads `value` as an object of the schema. Throws StructureError when a field has the wrong type. */
export function structure<T>(schema: ObjectSchema<T>, value: unknown): Structured<T> {
  const reader = new StructureReader();
  if (schema.custom !== undefined)
    return { object: reader.customObject(schema, value) as T, unknownFields: reader.unknownFields };
  const object = reader.object(schema, value) as T;
  return { object, unknownFields: reader.unknownFields };
}

/** A few dozen say enough, and a hostile body may have millions. */
const MAX_UNKNOWN = 100;

class StructureReader {
  readonly unknownFields: string[] = [];
  /** Where we are: field names, and list positions. */
  readonly #path: (string | number)[] = [];
  /** The object that holds the current field. */
  #owner: ObjectSchema<unknown> | undefined;

  /**
   * An object of a custom resource: only what every kind has must be of the right type, and the rest is as it was sent but
   * for unknown fields. First come the fields that all have, then the others in order of name.
   */
  customObject(schema: ObjectSchema<unknown>, value: unknown): Json {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw this.#mismatch(value, "map[string]interface {}");
    const common: Json = {};
    for (const name of ["apiVersion", "kind", "metadata"]) {
      this.#path.push(name);
      const read = this.#field(schema.fields.get(name)!, (value as Json)[name]);
      this.#path.pop();
      if (read !== undefined) common[name] = read;
    }
    const rest: Json = schema.custom!.prune(value as Json, this.unknownFields);
    const others = Object.keys(rest)
      .filter((name) => !["apiVersion", "kind", "metadata"].includes(name))
      .sort();
    // Object.fromEntries, so that a field "__proto__" is a field like any other.
    return Object.fromEntries([
      ...Object.entries(common),
      ...others.map((name) => [name, rest[name]] as const),
    ]);
  }

  object(schema: ObjectSchema<unknown>, value: unknown): Json {
    if (value === null || value === undefined) value = {};
    if (typeof value !== "object" || Array.isArray(value)) throw this.#mismatch(value, goTypeName(schema));
    const outer = this.#owner;
    this.#owner = schema;
    const source = value as Json;
    const result: Json = {};
    let known = 0;
    for (const [name, field] of schema.fields) {
      const given = Object.hasOwn(source, name) ? source[name] : undefined;
      if (given !== undefined) known++;
      else if (field.pointer || (!field.required && field.value.type !== "object")) continue;
      this.#path.push(name);
      const read = this.#field(field, given);
      this.#path.pop();
      if (read !== undefined) result[name] = read;
    }
    const keys = Object.keys(source);
    if (keys.length > known) {
      for (const key of keys) {
        if (schema.fields.has(key) || this.unknownFields.length >= MAX_UNKNOWN) continue;
        this.unknownFields.push(`unknown field "${formatPath([...this.#path, key], true)}"`);
      }
    }
    this.#owner = outer;
    return result;
  }

  /** The field's canonical value, or undefined when it is to be left out. */
  #field(field: FieldSchema, given: unknown): unknown {
    const { value: schema, required, pointer } = field;
    if (given === null || given === undefined) {
      if (schema.type === "object") return pointer ? undefined : this.object(schema, {});
      // A Go pointer is null then, which clients read as they read nothing.
      return required && !pointer ? emptyValue(schema) : undefined;
    }
    const value = this.#value(schema, given);
    if (!required && !pointer && isEmpty(value, schema)) return undefined;
    return value;
  }

  #value(schema: ValueSchema, value: unknown): unknown {
    switch (schema.type) {
      case "object":
        return this.object(schema, value);
      case "list":
        if (!Array.isArray(value)) throw this.#mismatch(value, goType(schema));
        return value.map((item: unknown, index) => this.#element(schema.items, item, index));
      case "map": {
        if (typeof value !== "object" || value === null || Array.isArray(value))
          throw this.#mismatch(value, goType(schema));
        const source = value as Json;
        const entries = Object.keys(source)
          .sort()
          .map((key) => [key, this.#element(schema.values, source[key], key)] as const);
        // Object.fromEntries, so that a key "__proto__" is a key like any other.
        return Object.fromEntries(entries);
      }
      default:
        return this.#scalar(schema, value);
    }
  }

  /** An item of a list or map; null is the empty value there. */
  #element(schema: ValueSchema, value: unknown, at: string | number): unknown {
    this.#path.push(at);
    const read = value === null ? this.#emptyElement(schema) : this.#value(schema, value);
    this.#path.pop();
    return read;
  }

  #emptyElement(schema: ValueSchema): unknown {
    return schema.type === "object" ? this.object(schema, {}) : emptyValue(schema);
  }

  #scalar(schema: ScalarSchema, value: unknown): unknown {
    switch (schema.type) {
      case "string":
        if (typeof value !== "string") throw this.#mismatch(value, "string");
        return value;
      case "boolean":
        if (typeof value !== "boolean") throw this.#mismatch(value, "bool");
        return value;
      case "int32":
      case "int64":
        return this.#integer(schema.type, value);
      case "double":
        if (typeof value !== "number") throw this.#mismatch(value, "float64");
        return value;
      case "bytes":
        if (typeof value !== "string") throw this.#mismatch(value, "[]uint8");
        return this.#bytes(value);
      case "intOrString":
        return typeof value === "string" ? value : this.#integer("int32", value);
      case "quantity":
        return this.#quantity(value);
      case "time":
      case "microTime":
        return this.#time(schema.type, value);
      case "any":
        return value;
      case "json":
        if (typeof value !== "object" || value === null) throw this.#mismatch(value, "runtime.RawExtension");
        return value;
      default:
        return schema.type satisfies never;
    }
  }

  #integer(type: "int32" | "int64", value: unknown): number {
    const whole = typeof value === "number" && Number.isInteger(value);
    // -0 would be written as 0.
    if (whole && (type === "int64" || value === (value | 0))) return value + 0;
    throw this.#mismatch(value, type);
  }

  #bytes(text: string): string {
    try {
      return canonicalBase64(text);
    } catch (error) {
      if (error instanceof Base64Error) throw new StructureError(error.message, { cause: error });
      throw error;
    }
  }

  #quantity(value: unknown): string {
    if (typeof value !== "string" && typeof value !== "number") throw this.#mismatch(value, "string");
    const text = canonicalQuantity(String(value));
    if (text === undefined) throw new StructureError(QUANTITY_COMPLAINT);
    return text;
  }

  #time(type: "time" | "microTime", value: unknown): string {
    if (typeof value !== "string") throw this.#mismatch(value, "string");
    const instant = parseInstant(value);
    const text =
      instant === undefined ? undefined : type === "time" ? formatTime(instant) : formatMicroTime(instant);
    if (text !== undefined) return text;
    const layout = type === "time" ? "2006-01-02T15:04:05Z07:00" : "2006-01-02T15:04:05.000000Z07:00";
    const quoted = JSON.stringify(value);
    throw new StructureError(`parsing time ${quoted} as "${layout}": cannot parse ${quoted} as RFC 3339`);
  }

  /** As Go words it: the innermost struct, then the whole path without list positions. */
  #mismatch(value: unknown, type: string): StructureError {
    const field = formatPath(this.#path, false);
    const owner = this.#owner === undefined ? "" : goTypeName(this.#owner).split(".").at(-1)!;
    const where = field === "" ? "Go value" : `Go struct field ${owner}.${field}`;
    return new StructureError(`json: cannot unmarshal ${jsonTypeOf(value)} into ${where} of type ${type}`);
  }
}

/** "spec.ports[0].name", or "spec.ports.name" without positions. */
function formatPath(path: readonly (string | number)[], positions: boolean): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "string") text += text === "" ? part : `.${part}`;
    else if (positions) text += `[${part}]`;
  }
  return text;
}

function jsonTypeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "number" : `number ${value}`;
  return typeof value;
}

function goType(schema: ValueSchema): string {
  switch (schema.type) {
    case "object":
      return goTypeName(schema);
    case "list":
      return `[]${goType(schema.items)}`;
    case "map":
      return `map[string]${goType(schema.values)}`;
    case "boolean":
      return "bool";
    case "double":
      return "float64";
    case "bytes":
      return "[]uint8";
    case "quantity":
      return "resource.Quantity";
    case "time":
      return "v1.Time";
    case "microTime":
      return "v1.MicroTime";
    case "intOrString":
      return "intstr.IntOrString";
    default:
      return schema.type;
  }
}

/** What a required field holds when nothing was given. Times have no empty value. */
export function emptyValue(schema: ValueSchema): unknown {
  switch (schema.type) {
    case "list":
      return [];
    case "map":
    case "json":
    case "object":
      return {};
    case "string":
    case "bytes":
      return "";
    case "boolean":
      return false;
    case "int32":
    case "int64":
    case "double":
    case "intOrString":
      return 0;
    case "quantity":
      return "0";
    default:
      return undefined;
  }
}

/** Whether Go's omitempty leaves the value out. Objects by value are never left out. */
function isEmpty(value: unknown, schema: ValueSchema): boolean {
  if (schema.type === "object" || schema.type === "json") return false;
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  // A quantity is a struct in Go, but an optional one that is 0 does not occur by value.
  return value === "" || value === 0 || value === false;
}
