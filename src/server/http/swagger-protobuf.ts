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
  const document = new WireWriter();
  document.text(1, swagger);
  document.bytes(
    2,
    message((writer) => {
      writer.text(1, info.title);
      writer.text(2, info.version);
    }),
  );
  document.bytes(
    8,
    message((writer) => {
      for (const [path, operations] of Object.entries(paths))
        writer.bytes(2, named(path, pathItem(operations)));
    }),
  );
  document.bytes(
    9,
    message((writer) => {
      for (const [name, schema] of Object.entries(definitions))
        writer.bytes(1, named(name, encodeSchema(schema)));
    }),
  );
  return document.finish();
}

function pathItem(operations: Readonly<Record<string, SwaggerOperation>>): Uint8Array {
  return message((writer) => {
    for (const [method, operation] of Object.entries(operations))
      writer.bytes(METHOD_FIELDS[method]!, encodeOperation(operation));
  });
}

function encodeOperation(operation: SwaggerOperation): Uint8Array {
  return message((writer) => {
    writer.text(3, operation.description);
    writer.text(5, operation.operationId);
    for (const parameter of operation.parameters) writer.bytes(8, encodeParameter(parameter));
    writeExtensions(writer, 13, operation);
  });
}

function encodeParameter({ name, in: location, description, type }: SwaggerParameter): Uint8Array {
  const query = message((writer) => {
    writer.text(2, location);
    writer.text(3, description);
    writer.text(4, name);
    writer.text(6, type);
  });
  // ParametersItem { Parameter { NonBodyParameter { QueryParameterSubSchema } } }
  return nested(1, nested(2, nested(3, query)));
}

function encodeSchema(schema: SwaggerSchema): Uint8Array {
  return message((writer) => {
    if (schema.$ref !== undefined) writer.text(1, schema.$ref);
    if (schema.format !== undefined) writer.text(2, schema.format);
    if (schema.description !== undefined) writer.text(4, schema.description);
    for (const name of schema.required ?? []) writer.text(19, name);
    if (schema.additionalProperties !== undefined)
      writer.bytes(21, nested(1, encodeSchema(schema.additionalProperties)));
    if (schema.type !== undefined)
      writer.bytes(
        22,
        message((type) => type.text(1, schema.type!)),
      );
    if (schema.items !== undefined) writer.bytes(23, nested(1, encodeSchema(schema.items)));
    if (schema.properties !== undefined)
      writer.bytes(
        25,
        message((properties) => {
          for (const [name, property] of Object.entries(schema.properties!))
            properties.bytes(1, named(name, encodeSchema(property)));
        }),
      );
    writeExtensions(writer, 31, schema);
  });
}

/** As NamedAny with the value in YAML, of which JSON is a part. */
function writeExtensions(writer: WireWriter, field: number, from: object): void {
  for (const [name, value] of Object.entries(from))
    if (name.startsWith("x-"))
      writer.bytes(
        field,
        named(
          name,
          message((any) => any.text(2, JSON.stringify(value))),
        ),
      );
}

function named(name: string, value: Uint8Array): Uint8Array {
  return message((writer) => {
    writer.text(1, name);
    writer.bytes(2, value);
  });
}

function nested(field: number, value: Uint8Array): Uint8Array {
  return message((writer) => writer.bytes(field, value));
}

function message(write: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter();
  write(writer);
  return writer.finish();
}
