/**
 * Reads the protobuf form of an object by its schema, into the JSON form.
 *
 * Kubernetes' encoder (gogo, proto2) writes the empty values of everything that is no pointer, so an empty value of such
 * a field means "not set"; `structure` afterwards leaves those out as it does for JSON. Unknown fields are passed over.
 */
import { formatMicroTime, formatTime } from "../time.ts";
import type {
  ListSchema,
  MapSchema,
  ObjectSchema,
  ScalarSchema,
  ValueSchema,
  WireFields,
} from "../schema.ts";
import { WireError, WireReader } from "./wire.ts";

type Json = Record<string, unknown>;

/** The JSON form, not yet canonical. Throws WireError. */
export function decodeMessage(schema: ObjectSchema<unknown>, bytes: Uint8Array): Json {
  const object: Json = {};
  readFields(schema.wire, bytes, object);
  return object;
}

// The schema bounds the depth: nothing in it refers to itself.
function readFields(wire: WireFields, bytes: Uint8Array, object: Json): void {
  const reader = new WireReader(bytes);
  while (reader.next()) {
    const known = wire.get(reader.number);
    if (known === undefined) reader.skip();
    else if ("within" in known) readFields(known.within, reader.bytes(), object);
    else {
      const schema = known.field.value;
      if (schema.type === "list") readItem(schema.items, reader, listOf(object, known.name));
      else if (schema.type === "map") readEntry(schema.values, reader, mapOf(object, known.name));
      else object[known.name] = readValue(schema, reader, object[known.name]);
    }
  }
}

function listOf(object: Json, name: string): unknown[] {
  const list = (object[name] as unknown[] | undefined) ?? [];
  object[name] = list;
  return list;
}

/** Without a prototype, so that a key "__proto__" is a key like any other. */
function mapOf(object: Json, name: string): Json {
  const map = (object[name] as Json | undefined) ?? (Object.create(null) as Json);
  object[name] = map;
  return map;
}

function readItem(schema: ScalarSchema | ObjectSchema<unknown>, reader: WireReader, list: unknown[]): void {
  // Packed numbers: proto2 does not write them for these fields, but readers must accept them.
  if ((schema.type === "int32" || schema.type === "int64") && reader.wireType === 2) {
    const packed = new PackedVarints(reader.bytes());
    for (const value of packed.values()) list.push(toInteger(schema.type, value));
    return;
  }
  list.push(readValue(schema, reader, undefined));
}

/** A map is a list of messages with the key in field 1 and the value in field 2. */
function readEntry(schema: MapSchema["values"], reader: WireReader, map: Json): void {
  const entry = new WireReader(reader.bytes());
  let key = "";
  let value: unknown;
  while (entry.next()) {
    if (entry.number === 1) key = entry.text();
    else if (entry.number === 2)
      value = schema.type === "list" ? readItems(schema, entry.bytes()) : readValue(schema, entry, undefined);
    else entry.skip();
  }
  map[key] = value ?? emptyEntry(schema);
}

/** A list as a value of a map: a message with the items in field 1. */
function readItems({ items }: ListSchema, bytes: Uint8Array): unknown[] {
  const reader = new WireReader(bytes);
  const list: unknown[] = [];
  while (reader.next()) {
    if (reader.number === 1) readItem(items, reader, list);
    else reader.skip();
  }
  return list;
}

function emptyEntry(schema: ValueSchema): unknown {
  if (schema.type === "list") return [];
  return schema.type === "quantity" ? "0" : schema.type === "string" || schema.type === "bytes" ? "" : {};
}

/** `before` is what an earlier occurrence of the field gave: messages are merged, the rest is replaced. */
function readValue(
  schema: ScalarSchema | ObjectSchema<unknown>,
  reader: WireReader,
  before: unknown,
): unknown {
  switch (schema.type) {
    case "object": {
      const object = (before as Json | undefined) ?? {};
      readFields(schema.wire, reader.bytes(), object);
      return object;
    }
    case "string":
      return reader.text();
    case "boolean":
      return reader.varint() !== 0n;
    case "int32":
    case "int64":
      return toInteger(schema.type, reader.varint());
    case "double":
      return reader.fixed64().getFloat64(0, true);
    case "bytes":
      return Buffer.from(reader.bytes()).toString("base64");
    case "time":
      return readTime(reader.bytes(), formatTime);
    case "microTime":
      return readTime(reader.bytes(), formatMicroTime);
    case "quantity":
      return readQuantity(reader.bytes());
    case "intOrString":
      return readIntOrString(reader.bytes());
    case "json":
      return readJson(reader.bytes());
    case "any":
      throw new TypeError("any JSON has no form on the wire");
    default:
      return schema satisfies never;
  }
}

function toInteger(type: "int32" | "int64", value: bigint): number {
  return Number(BigInt.asIntN(type === "int32" ? 32 : 64, value));
}

/** Timestamp{1 seconds, 2 nanos}. An empty message is the zero time, which is no time at all. */
function readTime(
  bytes: Uint8Array,
  format: (instant: { seconds: number; nanos: number }) => string | undefined,
): string | null {
  if (bytes.length === 0) return null;
  const reader = new WireReader(bytes);
  let seconds = 0;
  let nanos = 0;
  while (reader.next()) {
    if (reader.number === 1) seconds = toInteger("int64", reader.varint());
    else if (reader.number === 2) nanos = toInteger("int32", reader.varint());
    else reader.skip();
  }
  // Before any RFC 3339 year: Go's zero time, written out.
  const text = format({ seconds, nanos: Math.max(0, Math.min(nanos, 999_999_999)) });
  if (text === undefined) throw new WireError(`time ${seconds} s is outside the years 0 to 9999`);
  return text;
}

/** Quantity{1 text}. */
function readQuantity(bytes: Uint8Array): string {
  const reader = new WireReader(bytes);
  let text = "0";
  while (reader.next()) {
    if (reader.number === 1) text = reader.text();
    else reader.skip();
  }
  return text === "" ? "0" : text;
}

/** IntOrString{1 type: 0 int, 1 string; 2 int; 3 string}. */
function readIntOrString(bytes: Uint8Array): number | string {
  const reader = new WireReader(bytes);
  let isText = false;
  let number = 0;
  let text = "";
  while (reader.next()) {
    if (reader.number === 1) isText = reader.varint() === 1n;
    else if (reader.number === 2) number = toInteger("int32", reader.varint());
    else if (reader.number === 3) text = reader.text();
    else reader.skip();
  }
  return isText ? text : number;
}

/** FieldsV1 and RawExtension: {1 raw JSON text}. */
function readJson(bytes: Uint8Array): unknown {
  const reader = new WireReader(bytes);
  let raw = "{}";
  while (reader.next()) {
    if (reader.number === 1) raw = reader.text();
    else reader.skip();
  }
  try {
    return JSON.parse(raw);
  } catch (error) {
    throw new WireError("embedded JSON is malformed", { cause: error });
  }
}

/** Varints one after the other without tags. */
class PackedVarints {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  *values(): Generator<bigint> {
    let value = 0n;
    let shift = 0n;
    for (const byte of this.#bytes) {
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        yield BigInt.asUintN(64, value);
        value = shift = 0n;
      } else if ((shift += 7n) >= 70n) throw new WireError("a varint is longer than 10 bytes");
    }
    if (shift !== 0n) throw new WireError("the message is cut off in a varint");
  }
}
