/** Writes an object as protobuf by its schema: what decode.ts reads. Fields that are absent are not written. */
import { parseInstant } from "../time.ts";
import type { FieldSchema, ListSchema, ObjectSchema, ScalarSchema, WireFields } from "../schema.ts";
import { WireWriter } from "./wire.ts";

type Json = Readonly<Record<string, unknown>>;

/** The message of an object that `structure` has accepted. */
export function encodeMessage(schema: ObjectSchema<unknown>, object: Json): Uint8Array {
  return writeFields(schema.wire, object);
}

function writeFields(wire: WireFields, object: Json): Uint8Array {
  const writer = new WireWriter();
  for (const [number, known] of wire) {
    if ("within" in known) writer.bytes(number, writeFields(known.within, object));
    else writeField(writer, known.field, object[known.name]);
  }
  return writer.finish();
}

function writeField(writer: WireWriter, field: FieldSchema, value: unknown): void {
  if (value === undefined || value === null) return;
  const { number, value: schema } = field;
  if (schema.type === "list") {
    for (const item of value as readonly unknown[]) writeValue(writer, number, schema.items, item);
  } else if (schema.type === "map") {
    for (const [key, item] of Object.entries(value as Json)) {
      const entry = new WireWriter();
      entry.text(1, key);
      if (schema.values.type === "list")
        entry.bytes(2, writeItems(schema.values, item as readonly unknown[]));
      else writeValue(entry, 2, schema.values, item);
      writer.bytes(number, entry.finish());
    }
  } else writeValue(writer, number, schema, value);
}

/** A list as a value of a map: a message with the items in field 1. */
function writeItems({ items }: ListSchema, list: readonly unknown[]): Uint8Array {
  const writer = new WireWriter();
  for (const item of list) writeValue(writer, 1, items, item);
  return writer.finish();
}

function writeValue(
  writer: WireWriter,
  number: number,
  schema: ScalarSchema | ObjectSchema<unknown>,
  value: unknown,
): void {
  switch (schema.type) {
    case "object":
      return writer.bytes(number, writeFields(schema.wire, value as Json));
    case "string":
      return writer.text(number, value as string);
    case "boolean":
      return writer.varint(number, value === true ? 1 : 0);
    case "int32":
    case "int64":
      return writer.varint(number, value as number);
    case "double":
      return writer.double(number, value as number);
    case "bytes":
      return writer.bytes(number, Buffer.from(value as string, "base64"));
    case "time":
    case "microTime":
      return writer.bytes(number, timestamp(value as string));
    case "quantity":
      return writer.bytes(number, wrappedText(value as string));
    case "json":
      return writer.bytes(number, wrappedText(JSON.stringify(value)));
    case "intOrString":
      return writer.bytes(number, intOrString(value as string | number));
    default:
      return schema satisfies never;
  }
}

function timestamp(text: string): Uint8Array {
  const instant = parseInstant(text);
  if (instant === undefined) throw new RangeError(`not an RFC 3339 time: ${JSON.stringify(text)}`);
  const writer = new WireWriter();
  writer.varint(1, instant.seconds);
  writer.varint(2, instant.nanos);
  return writer.finish();
}

/** A message with text in field 1. */
function wrappedText(text: string): Uint8Array {
  const writer = new WireWriter();
  writer.text(1, text);
  return writer.finish();
}

function intOrString(value: string | number): Uint8Array {
  const writer = new WireWriter();
  writer.varint(1, typeof value === "string" ? 1 : 0);
  writer.varint(2, typeof value === "number" ? value : 0);
  writer.text(3, typeof value === "string" ? value : "");
  return writer.finish();
}
