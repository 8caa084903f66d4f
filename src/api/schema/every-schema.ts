/** Every object schema that the kinds are made of, for tests that compare schemas with facts. Test code only. */
import { kinds } from "../kinds.ts";
import type { ObjectSchema, ValueSchema } from "./schema.ts";

/** By name: of the kinds, of what their subresources take, and of `more`, each with all that is in it. */
export function everySchema(
  more: readonly ObjectSchema<unknown>[] = [],
): ReadonlyMap<string, ObjectSchema<unknown>> {
  const found = new Map<string, ObjectSchema<unknown>>();
  const visit = (schema: ValueSchema): void => {
    if (schema.type === "list") visit(schema.items);
    else if (schema.type === "map") visit(schema.values);
    else if (schema.type === "object" && !found.has(schema.name)) {
      found.set(schema.name, schema);
      for (const field of schema.fields.values()) visit(field.value);
    }
  };
  for (const { schema, subresources } of kinds) {
    visit(schema);
    for (const { kind } of subresources.others ?? []) visit(kind.schema);
  }
  for (const schema of more) visit(schema);
  return found;
}
