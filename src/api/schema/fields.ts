/**
 * Builders of schemas. `objectSchema<T>` accepts only a record that has every field of T, each with a builder of T's own
 * field type: a missing, extra or wrongly typed field does not compile.
 */
import type {
  FieldSchema,
  ListMerge,
  ListSchema,
  MapSchema,
  ObjectSchema,
  PatchMerge,
  ScalarSchema,
  ScalarType,
  ValueSchema,
  WireFields,
} from "./schema.ts";
import type { IntOrString } from "../meta/type.ts";

/** A field whose JSON value is a V. The marker makes it invariant: an enum must list exactly the union's members. */
export interface Field<V> extends FieldSchema {
  readonly "~value"?: (value: V) => V;
}

/** A field that is always written. */
export interface RequiredField<V> extends Field<V> {
  readonly required: true;
}

/** One field for each of T's: required where T requires it (an object without the key is then no T). */
export type FieldsOf<T> = {
  readonly [K in keyof T]-?: Pick<T, K> extends Required<Pick<T, K>>
    ? RequiredField<T[K]>
    : Field<Exclude<T[K], undefined>>;
};

export interface ListOptions {
  readonly list?: ListMerge;
  readonly patch?: PatchMerge;
}

function field<V>(
  number: number,
  value: ValueSchema,
  description: string,
  options: Partial<FieldSchema> = {},
): Field<V> {
  return { number, value, description, required: false, pointer: false, ...options };
}

const scalars = new Map<ScalarType, ScalarSchema>();

/** One shared schema for each scalar type. */
function scalar(type: ScalarType): ScalarSchema {
  const known = scalars.get(type) ?? { type };
  scalars.set(type, known);
  return known;
}

export function string(number: number, description: string): Field<string> {
  return field(number, scalar("string"), description);
}

/** A string out of a closed set. */
export function oneOf<const V extends string>(
  number: number,
  values: readonly V[],
  description: string,
): Field<V> {
  return field(number, { type: "string", enum: values }, description);
}

export function boolean(number: number, description: string): Field<boolean> {
  return field(number, scalar("boolean"), description);
}

export function int32(number: number, description: string): Field<number> {
  return field(number, scalar("int32"), description);
}

/** On the wire 64 bits; in JSON and here a number, so exact up to 2^53. */
export function int64(number: number, description: string): Field<number> {
  return field(number, scalar("int64"), description);
}

/** metav1.Time: RFC 3339 with seconds. Never a zero time: an empty one is absent. */
export function time(number: number, description: string): Field<string> {
  return field(number, scalar("time"), description);
}

export function microTime(number: number, description: string): Field<string> {
  return field(number, scalar("microTime"), description);
}

export function quantity(number: number, description: string): Field<string> {
  return field(number, scalar("quantity"), description);
}

/** util/intstr: a number or a name. */
export function intOrString(number: number, description: string): Field<IntOrString> {
  return field(number, scalar("intOrString"), description);
}

/** A floating-point number. */
export function double(number: number, description: string): Field<number> {
  return field(number, scalar("double"), description);
}

/** Any JSON value, kept as it is. Only where nothing is sent as protobuf. */
export function any(number: number, description: string): Field<unknown> {
  return field(number, scalar("any"), description, { pointer: true });
}

/** Any JSON object, kept as it is. */
export function json(number: number, description: string): Field<Record<string, unknown>> {
  return field(number, scalar("json"), description);
}

/** An object held by value: written as {} even when nothing is set in it. {@link pointer} makes it optional. */
export function object<T>(number: number, schema: ObjectSchema<T>, description: string): Field<T> {
  return field(number, schema, description);
}

export function strings(number: number, description: string, options: ListOptions = {}): Field<string[]> {
  return field(number, listOf(scalar("string")), description, options);
}

/** A list of strings out of a closed set. */
export function listOfEnum<const V extends string>(
  number: number,
  values: readonly V[],
  description: string,
  options: ListOptions = {},
): Field<V[]> {
  return field(number, listOf({ type: "string", enum: values }), description, options);
}

export function int32s(number: number, description: string, options: ListOptions = {}): Field<number[]> {
  return field(number, listOf(scalar("int32")), description, options);
}

export function int64s(number: number, description: string, options: ListOptions = {}): Field<number[]> {
  return field(number, listOf(scalar("int64")), description, options);
}

export function list<T>(
  number: number,
  items: ObjectSchema<T>,
  description: string,
  options: ListOptions = {},
): Field<T[]> {
  return field(number, listOf(items), description, options);
}

function listOf(items: ListSchema["items"]): ListSchema {
  return { type: "list", items };
}

/** Labels and the like: text to text. */
export function stringMap(number: number, description: string): Field<Record<string, string>> {
  return field(number, mapOf(scalar("string")), description);
}

/** Text to bytes; in JSON base64. */
export function bytesMap(number: number, description: string): Field<Record<string, string>> {
  return field(number, mapOf(scalar("bytes")), description);
}

export function quantityMap(number: number, description: string): Field<Record<string, string>> {
  return field(number, mapOf(scalar("quantity")), description);
}

/** Text to several texts: authentication.k8s.io and authorization.k8s.io ExtraValue. */
export function stringsMap(number: number, description: string): Field<Record<string, string[]>> {
  return field(number, mapOf(listOf(scalar("string"))), description);
}

function mapOf(values: MapSchema["values"]): MapSchema {
  return { type: "map", values };
}

/** The field is always written, empty if need be, and OpenAPI lists it as required. */
export function required<V>(of: Field<V>): RequiredField<V> {
  return { ...of, required: true };
}

/**
 * The field is always written, empty if need be, but clients may leave it out: OpenAPI does not list it. Upstream's rule:
 * a field is listed if it is marked +required, not if it is marked +optional, and otherwise if it has no omitempty.
 */
export function written<V>(of: Field<V>): RequiredField<V> {
  return { ...required(of), optional: true };
}

/** OpenAPI lists the field as required, though it is left out when it is empty. */
export function demanded<V>(of: Field<V>): Field<V> {
  return { ...of, optional: false };
}

/** The field distinguishes "not set" from an empty value (a Go pointer). */
export function pointer<V>(of: Field<V>): Field<V> {
  return { ...of, pointer: true };
}

/** Server-side apply replaces the object or map as a whole. */
export function atomic<V>(of: Field<V>): Field<V> {
  return { ...of, atomic: true };
}

/** The value that defaulting gives, for OpenAPI and for keys of list maps. */
export function withDefault<V>(of: Field<V>, value: V & (string | number | boolean)): Field<V> {
  return { ...of, default: value };
}

/** Fields of a T that other objects embed; checked like an object's. */
export function fieldsOf<T>(fields: FieldsOf<NoInfer<T>>): FieldsOf<T> {
  return fields;
}

/** The fields of an embedded Go struct: flat in JSON, a message of their own at `number` on the wire. */
export function inline<F extends Readonly<Record<string, FieldSchema>>>(number: number, fields: F): F {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, { ...field, within: number }]),
  ) as F;
}

export interface ObjectOptions {
  /** Server-side apply replaces objects of this type as a whole. */
  readonly atomic?: boolean;
}

export function objectSchema<T>(
  name: string,
  description: string,
  fields: FieldsOf<NoInfer<T>>,
  options: ObjectOptions = {},
): ObjectSchema<T> {
  const entries = Object.entries<FieldSchema>(fields as Readonly<Record<string, FieldSchema>>);
  return {
    type: "object",
    name,
    description,
    fields: new Map(entries),
    wire: wireFields(name, entries),
    atomic: options.atomic ?? false,
  };
}

/** Indexes by wire number. Throws when a number occurs twice: such a schema would lose data. */
function wireFields(owner: string, entries: readonly (readonly [string, FieldSchema])[]): WireFields {
  const groups = new Map<number, [string, FieldSchema][]>();
  const wire = new Map<number, { name: string; field: FieldSchema } | { within: WireFields }>();
  for (const [name, field] of entries) {
    if (field.within !== undefined) {
      const { within, ...own } = field;
      groups.set(within, [...(groups.get(within) ?? []), [name, own]]);
      continue;
    }
    // Number 0 is for fields that are not on the wire: apiVersion and kind travel in the envelope.
    if (field.number === 0) continue;
    if (wire.has(field.number)) throw new TypeError(`${owner}: field number ${field.number} occurs twice`);
    wire.set(field.number, { name, field });
  }
  for (const [number, group] of groups) {
    if (wire.has(number)) throw new TypeError(`${owner}: field number ${number} occurs twice`);
    wire.set(number, { within: wireFields(owner, group) });
  }
  return wire;
}
