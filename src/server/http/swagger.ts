/**
 * OpenAPI v2 for clients from before v3: kubectl up to 1.28 looks here for what the server validates, and explains from
 * here. One document for everything, derived from those of v3.
 */
type Json = Record<string, unknown>;

/** What a v2 document has, as far as clients look. */
export interface Swagger {
  readonly swagger: "2.0";
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, SwaggerOperation>>>>;
  readonly definitions: Readonly<Record<string, SwaggerSchema>>;
}

export interface SwaggerOperation {
  readonly operationId: string;
  readonly description: string;
  readonly parameters: readonly SwaggerParameter[];
  readonly [extension: `x-${string}`]: unknown;
}

export interface SwaggerParameter {
  readonly name: string;
  readonly in: "query";
  readonly description: string;
  readonly type: string;
}

export interface SwaggerSchema {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string;
  readonly format?: string;
  readonly required?: readonly string[];
  readonly items?: SwaggerSchema;
  readonly additionalProperties?: SwaggerSchema;
  readonly properties?: Readonly<Record<string, SwaggerSchema>>;
  readonly [extension: `x-${string}`]: unknown;
}

const METHODS = ["get", "put", "post", "delete", "patch"];
const V3_REFERENCE = "#/components/schemas/";

/** `documents` are OpenAPI v3. */
export function swaggerOf(documents: Iterable<object>, version: string): Swagger {
  const paths: Record<string, Record<string, SwaggerOperation>> = {};
  const definitions: Record<string, SwaggerSchema> = {};
  for (const document of documents) {
    const { paths: itsPaths, components } = document as {
      paths: Record<string, Json>;
      components: { schemas: Json };
    };
    for (const [path, item] of Object.entries(itsPaths)) {
      const operations: Record<string, SwaggerOperation> = {};
      for (const method of METHODS)
        if (item[method] !== undefined) operations[method] = operation(item[method] as Json);
      paths[path] = operations;
    }
    for (const [name, schema] of Object.entries(components.schemas))
      definitions[name] = swaggerSchema(schema as Json);
  }
  return { swagger: "2.0", info: { title: "Kubernetes", version }, paths, definitions };
}

function operation(from: Json): SwaggerOperation {
  const parameters = ((from["parameters"] ?? []) as Json[]).filter(
    (parameter) => parameter["in"] === "query",
  );
  return {
    operationId: text(from["operationId"]),
    description: text(from["description"]),
    parameters: parameters.map((parameter) => ({
      name: text(parameter["name"]),
      in: "query",
      description: text(parameter["description"]),
      type: text((parameter["schema"] as Json | undefined)?.["type"] ?? "string"),
    })),
    ...extensions(from),
  };
}

function swaggerSchema(from: Json): SwaggerSchema {
  const description = from["description"] === undefined ? {} : { description: text(from["description"]) };
  // v3 wraps a reference so that it can have a description; v2's readers take both at once.
  const reference = (from["$ref"] ?? ((from["allOf"] ?? []) as Json[])[0]?.["$ref"]) as string | undefined;
  if (reference !== undefined)
    return { ...description, $ref: `#/definitions/${reference.slice(V3_REFERENCE.length)}` };
  // One of several scalar types: text, as IntOrString and Quantity are in v2.
  const type = from["oneOf"] === undefined ? from["type"] : "string";
  return {
    ...description,
    ...(type !== undefined && { type: text(type) }),
    ...(from["format"] !== undefined && { format: text(from["format"]) }),
    ...(from["required"] !== undefined && { required: from["required"] as string[] }),
    ...(from["items"] !== undefined && { items: swaggerSchema(from["items"] as Json) }),
    ...(isObject(from["additionalProperties"]) && {
      additionalProperties: swaggerSchema(from["additionalProperties"]),
    }),
    ...(from["properties"] !== undefined && { properties: mapSchemas(from["properties"] as Json) }),
    ...extensions(from),
  };
}

function mapSchemas(schemas: Json): Record<string, SwaggerSchema> {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name, swaggerSchema(schema as Json)]),
  );
}

function extensions(from: Json): Record<`x-${string}`, unknown> {
  return Object.fromEntries(Object.entries(from).filter(([name]) => name.startsWith("x-")));
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? "");
}
