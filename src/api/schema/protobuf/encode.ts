/** Writes an object as protobuf by its schema: what decode.ts reads. Fields that are absent are not written. */
import { parseInstant } from "../time.ts";
import type { FieldSchema, ObjectSchema, ScalarSchema, WireFields } from "../schema.ts";
import { WireWriter } from "./wire.ts";

type Json = Readonly<Record<string, unknown>>;

/** The message of an object that `structure` has accepted. */
export function encodeMessage(schema: ObjectSchema<unknown>, object: Json): Uint8Array {
  const writer = new WireWriter();
  writeMessage(writer, schema, object);
  return writer.finish();
}

/** The fields of {@link encodeMessage}, into a message that is being written. */
export function writeMessage(writer: WireWriter, schema: ObjectSchema<unknown>, object: Json): void {
  writeFields(writer, schema.wire, object);
}

function writeFields(writer: WireWriter, wire: WireFields, object: Json): void {
  for (const [number, known] of wire) {
    if ("within" in known) {
      const begun = writer.begin(number);
      writeFields(writer, known.within, object);
      writer.end(begun);
    } else writeField(writer, known.field, object[known.name]);
  }
}

function writeField(writer: WireWriter, field: FieldSchema, value: unknown): void {
  if (value === undefined || value === null) return;
  const { number, value: schema } = field;
  if (schema.type === "list") {
    for (const item of value as readonly unknown[]) writeValue(writer, number, schema.items, item);
  } else if (schema.type === "map") {
    for (const [key, item] of Object.entries(value as Json)) {
      const entry = writer.begin(number);
      writer.text(1, key);
      if (schema.values.type === "list") {
        // A list as a value of a map: a message with the items in field 1.
        const begun = writer.begin(2);
        for (const one of item as readonly unknown[]) writeValue(writer, 1, schema.values.items, one);
        writer.end(begun);
      } else writeValue(writer, 2, schema.values, item);
      writer.end(entry);
    }
  } else writeValue(writer, number, schema, value);
}

function writeValue(
  writer: WireWriter,
  number: number,
  schema: ScalarSchema | ObjectSchema<unknown>,
  value: unknown,
): void {
  switch (schema.type) {
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
    default: {
      const begun = writer.begin(number);
      writeParts(writer, schema, value);
      return writer.end(begun);
    }
  }
}

/** What is a message of its own on the wire. */
function writeParts(writer: WireWriter, schema: ScalarSchema | ObjectSchema<unknown>, value: unknown): void {
  switch (schema.type) {
    case "object":
      return writeFields(writer, schema.wire, value as Json);
    case "time":
    case "microTime":
      return writeTimestamp(writer, value as string);
    case "quantity":
      return writer.text(1, value as string);
    case "json":
      return writer.text(1, JSON.stringify(value));
    case "intOrString":
      writer.varint(1, typeof value === "string" ? 1 : 0);
      writer.varint(2, typeof value === "number" ? value : 0);
      return writer.text(3, typeof value === "string" ? value : "");
    default:
      throw new TypeError(`a ${schema.type} is no message`);
  }
}

function writeTimestamp(writer: WireWriter, text: string): void {
  const instant = parseInstant(text);
  if (instant === undefined) throw new RangeError(`not an RFC 3339 time: ${JSON.stringify(text)}`);
  writer.varint(1, instant.seconds);
  writer.varint(2, instant.nanos);
}
