import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Kind } from "./kind.ts";
import { kinds } from "./kinds.ts";
import { structure, StructureError } from "./schema/json/structure.ts";
import { anyObject } from "./schema/random-object.ts";
import { CONTEXT } from "./validation/complaints-table.ts";

/** Objects with addresses, names and the like in their strings, so that rules are met behind the syntax checks too. */
const likely = fc.constantFrom(
  "a",
  "10.0.0.1",
  "fd00::1",
  "None",
  "::ffff:1.2.3.4",
  "10.0.0.0/8",
  "x/y",
  "1",
  "-",
);

function withLikelyText(value: unknown, texts: Iterator<string>): unknown {
  if (typeof value === "string") return texts.next().value as string;
  if (Array.isArray(value)) return value.map((part) => withLikelyText(part, texts));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withLikelyText(part, texts)]));
}

function* cycled(texts: readonly string[]): Generator<string> {
  for (let i = 0; ; i++) yield texts[i % texts.length]!;
}

/** An object of the kind; one that times or amounts make unreadable is left out. */
function anyOf(kind: Kind): fc.Arbitrary<ReturnType<typeof objectOf>> {
  const raw = anyObject(kind.schema);
  const likelier = fc
    .tuple(raw, fc.array(likely, { minLength: 1 }))
    .map(([value, texts]) => withLikelyText(value, cycled(texts)));
  return fc
    .oneof(raw, likelier)
    .map((value) => objectOf(kind, value))
    .filter((object) => object !== undefined);
}

function objectOf(kind: Kind, value: unknown): Parameters<Kind["validate"]>[0] | undefined {
  try {
    return structure(kind.schema, value).object;
  } catch (error) {
    if (error instanceof StructureError) return undefined;
    throw error;
  }
}

for (const kind of kinds) {
  test(`${kind.kind}: defaults, preparation, validation and columns take any object, and say of each error where`, () => {
    fc.assert(
      fc.property(anyOf(kind), anyOf(kind), (first, second) => {
        assert.ok(first !== undefined && second !== undefined);
        kind.setDefaults(first);
        const once = structuredClone(first);
        kind.setDefaults(first);
        assert.deepEqual(first, once, "defaults are idempotent");
        kind.prepareForCreate(first);
        kind.setDefaults(second);
        kind.prepareForUpdate(second, first);
        const errors = [...kind.validate(first, CONTEXT), ...kind.validateUpdate(second, first, CONTEXT)];
        kind.prepareForStatusUpdate?.(second, first);
        errors.push(...(kind.validateStatusUpdate?.(second, first, CONTEXT) ?? []));
        for (const { field } of errors) assert.match(field, /^[a-zA-Z]/);
        for (const column of kind.columns) assert.notEqual(column.cell(second, Date.now()), undefined);
        for (const read of Object.values(kind.selectableFields)) assert.equal(typeof read(second), "string");
        kind.warnings?.(second);
      }),
      { numRuns: 100 },
    );
  });

  test(`${kind.kind}: any JSON is read or refused, and what was read is canonical`, () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue({ maxDepth: 3 }), anyObject(kind.schema)), (value) => {
        const object = objectOf(kind, value);
        if (object === undefined) return;
        assert.deepEqual(JSON.stringify(structure(kind.schema, object).object), JSON.stringify(object));
      }),
      { numRuns: 100 },
    );
  });
}
