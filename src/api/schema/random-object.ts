/** Arbitrary values of a schema, for property tests of everything that is driven by schemas. Test code only. */
import fc from "fast-check";
import type { ObjectSchema, ScalarSchema, ValueSchema } from "./schema.ts";

/** JSON values that `structure` accepts; each field is there or not. */
export function anyObject(schema: ObjectSchema<unknown>): fc.Arbitrary<Record<string, unknown>> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const [name, field] of schema.fields) {
    if (field.number !== 0) fields[name] = anyValue(field.value);
  }
  return fc.record(fields, { requiredKeys: [] });
}

function anyValue(schema: ValueSchema): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case "object":
      return anyObject(schema);
    case "list":
      return fc.array(anyValue(schema.items), { maxLength: 2 });
    case "map":
      return fc.dictionary(fc.string({ maxLength: 8 }), anyValue(schema.values), { maxKeys: 2 });
    default:
      return anyScalar(schema);
  }
}

const date = fc.date({
  min: new Date("0001-01-01T00:00:00Z"),
  max: new Date("9999-12-31T23:59:59Z"),
  noInvalidDate: true,
});

function anyScalar(schema: ScalarSchema): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case "string":
      return schema.enum === undefined
        ? fc.string({ maxLength: 20, unit: "binary" })
        : fc.constantFrom("", ...schema.enum);
    case "boolean":
      return fc.boolean();
    case "int32":
      return fc.oneof(fc.integer(), fc.constantFrom(0, -1, 2 ** 31 - 1, -(2 ** 31)));
    case "int64":
      return fc.maxSafeInteger();
    case "double":
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case "bytes":
      return fc.uint8Array({ maxLength: 10 }).map((bytes) => Buffer.from(bytes).toString("base64"));
    case "time":
      return date.map((at) => at.toISOString());
    case "microTime":
      return fc
        .tuple(date, fc.nat(999_999))
        .map(([at, micros]) => `${at.toISOString().slice(0, 19)}.${String(micros).padStart(6, "0")}Z`);
    case "quantity":
      return fc
        .tuple(fc.nat(10_000), fc.constantFrom("", "m", "k", "Mi", "Gi", "e3", "n"))
        .map(([n, suffix]) => `${n}${suffix}`);
    case "intOrString":
      return fc.oneof(fc.integer(), fc.string({ maxLength: 10 }));
    case "any":
      return fc.jsonValue({ maxDepth: 1 });
    case "json":
      return fc
        .dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 2 })
        .map((value) => JSON.parse(JSON.stringify(value)) as unknown);
    default:
      return schema.type satisfies never;
  }
}
