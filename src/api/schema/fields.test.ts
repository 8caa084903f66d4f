import assert from "node:assert/strict";
import { test } from "node:test";
import * as f from "./fields.ts";

interface Part {
  e: string;
}
interface Whole {
  a?: string;
  b: number;
  c?: "x" | "y";
  d?: Part[];
  m?: Record<string, string>;
}

const part = f.objectSchema<Part>("a.b.Part", "", { e: f.required(f.string(1, "")) });
const a = f.string(1, "");
const b = f.required(f.int32(2, ""));
const c = f.oneOf(3, ["x", "y"], "");
const d = f.list(4, part, "");
const m = f.stringMap(5, "");

// These are checked by the compiler: an error that is expected and does not come fails the type check.
test("a schema has exactly the fields of its type, with their types", () => {
  const whole = f.objectSchema<Whole>("a.b.Whole", "", { a, b, c, d, m });
  assert.deepEqual([...whole.fields.keys()], ["a", "b", "c", "d", "m"]);

  // @ts-expect-error m is missing
  f.objectSchema<Whole>("a.b.Whole", "", { a, b, c, d });
  // @ts-expect-error z is no field
  f.objectSchema<Whole>("a.b.Whole", "", { a, b, c, d, m, z: f.string(6, "") });
  // @ts-expect-error a is a string
  f.objectSchema<Whole>("a.b.Whole", "", { a: f.int32(1, ""), b, c, d, m });
  // @ts-expect-error b is required
  f.objectSchema<Whole>("a.b.Whole", "", { a, b: f.int32(2, ""), c, d, m });
  // @ts-expect-error c may be y too
  f.objectSchema<Whole>("a.b.Whole", "", { a, b, c: f.oneOf(3, ["x"], ""), d, m });
  // @ts-expect-error c may not be z
  f.objectSchema<Whole>("a.b.Whole", "", { a, b, c: f.oneOf(3, ["x", "y", "z"], ""), d, m });
  // @ts-expect-error d is a list of parts
  f.objectSchema<Whole>("a.b.Whole", "", { a, b, c, d: f.strings(4, ""), m });
});

test("a wire number that occurs twice is refused", () => {
  assert.throws(() => f.objectSchema<Whole>("a.b.Whole", "", { a, b, c, d, m: f.stringMap(4, "") }), {
    message: "a.b.Whole: field number 4 occurs twice",
  });
});

test("embedded fields are flat by name and nested by wire number", () => {
  const outer = f.objectSchema<Part & { name: string }>("a.b.Outer", "", {
    name: f.required(f.string(1, "")),
    ...f.inline(2, f.fieldsOf<Part>({ e: f.required(f.string(1, "")) })),
  });
  assert.deepEqual([...outer.fields.keys()], ["name", "e"]);
  const embedded = outer.wire.get(2);
  assert.ok(embedded !== undefined && "within" in embedded);
  assert.deepEqual([...embedded.within.keys()], [1]);
});
