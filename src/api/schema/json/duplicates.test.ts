import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { duplicateFields } from "./duplicates.ts";

test("duplicate keys and their paths", () => {
  const rows: [string, string[]][] = [
    ["{}", []],
    ['{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}', []],
    ['{"a":1,"a":2,"a":3}', ["a"]],
    ['{"spec":{"x":1 , "x" : 2}}', ["spec.x"]],
    ['{"a":[{"b":1,"b":2},0,{"c":{"d":1,"d":2}}]}', ["a[0].b", "a[2].c.d"]],
    ['{"a":"{\\"b\\":1,\\"b\\":2}","c":"\\\\","c":"x"}', ["c"]],
    ['{"\\u0061":1,"a":2}', ["a"]],
    ['[{"a":1,"a":2}]', ["[0].a"]],
    ['"a"', []],
  ];
  for (const [text, paths] of rows)
    assert.deepEqual(
      duplicateFields(text),
      paths.map((path) => `duplicate field "${path}"`),
      text,
    );
});

test("JSON as JSON.stringify writes it has none", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) =>
      assert.deepEqual(duplicateFields(JSON.stringify(value, null, 1)), []),
    ),
  );
});
