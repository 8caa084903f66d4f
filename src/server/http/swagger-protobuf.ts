/**
 * An OpenAPI v2 document in protobuf: the only form that client-go reads
 * (openapiv2/OpenAPIv2.proto of google/gnostic-models has the field numbers).
 */
import { WireWriter } from "../../api/schema/protobuf/wire.ts";
import type { Swagger, SwaggerOperation, SwaggerParameter, SwaggerSchema } from "./swagger.ts";

/** PathItem: the field of each method. */
const METHOD_FIELDS: Readonly<Record<string, number>> = {
  get: 2,
  put: 3,
  post: 4,
  delete: 5,
  options: 6,
  head: 7,
  patch: 8,
};

export function encodeSwagger({ swagger, info, paths, definitions }: Swagger): Uint8Array {
  const writer = new WireWriter();
  writer.text(1, swagger);
  message(writer, 2, () => {
    writer.text(1, info.title);
    writer.text(2, info.version);
  });
  message(writer, 8, () => {
    for (const [path, operations] of Object.entries(paths))
      named(writer, 2, path, () => writePathItem(writer, operations));
  });
  message(writer, 9, () => {
    for (const [name, schema] of Object.entries(definitions))
      named(writer, 1, name, () => writeSchema(writer, schema));
  });
  return writer.finish();
}

function writePathItem(writer: WireWriter, operations: Readonly<Record<string, SwaggerOperation>>): void {
  for (const [method, { description, operationId, parameters, ...rest }] of Object.entries(operations))
    message(writer, METHOD_FIELDS[method]!, () => {
      writer.text(3, description);
      writer.text(5, operationId);
      for (const parameter of parameters) message(writer, 8, () => writeParameter(writer, parameter));
      writeExtensions(writer, 13, rest);
    });
}

/** ParametersItem { Parameter { NonBodyParameter { QueryParameterSubSchema } } } */
function writeParameter(
  writer: WireWriter,
  { name, in: location, description, type }: SwaggerParameter,
): void {
  message(writer, 1, () =>
    message(writer, 2, () =>
      message(writer, 3, () => {
        writer.text(2, location);
        writer.text(3, description);
        writer.text(4, name);
        writer.text(6, type);
      }),
    ),
  );
}

function writeSchema(writer: WireWriter, schema: SwaggerSchema): void {
  const { $ref, format, description, required = [], additionalProperties, type, items, properties } = schema;
  if ($ref !== undefined) writer.text(1, $ref);
  if (format !== undefined) writer.text(2, format);
  if (description !== undefined) writer.text(4, description);
  for (const name of required) writer.text(19, name);
  if (additionalProperties !== undefined)
    message(writer, 21, () => message(writer, 1, () => writeSchema(writer, additionalProperties)));
  if (type !== undefined) message(writer, 22, () => writer.text(1, type));
  if (items !== undefined) message(writer, 23, () => message(writer, 1, () => writeSchema(writer, items)));
  if (properties !== undefined)
    message(writer, 25, () => {
      for (const [name, property] of Object.entries(properties))
        named(writer, 1, name, () => writeSchema(writer, property));
    });
  writeExtensions(writer, 31, schema);
}

/** As NamedAny with the value in YAML, of which JSON is a part. */
function writeExtensions(writer: WireWriter, field: number, from: object): void {
  for (const [name, value] of Object.entries(from))
    if (name.startsWith("x-")) named(writer, field, name, () => writer.text(2, JSON.stringify(value)));
}

/** A message with a name in field 1 and a value in field 2. */
function named(writer: WireWriter, field: number, name: string, value: () => void): void {
  message(writer, field, () => {
    writer.text(1, name);
    message(writer, 2, value);
  });
}

function message(writer: WireWriter, field: number, fields: () => void): void {
  const begun = writer.begin(field);
  fields();
  writer.end(begun);
}
