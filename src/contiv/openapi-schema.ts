/** Schemas of an OpenAPI 3 document, as plain values. */

export type Schema = Readonly<Record<string, unknown>>;

export function text(description: string): Schema {
  return { type: "string", description };
}

export function count(description: string): Schema {
  return { type: "integer", description };
}

export function listOf(items: Schema, description: string): Schema {
  return { type: "array", items, description };
}

export function object(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: "object", properties };
}

/** To one of the document's own schemas. */
export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}
