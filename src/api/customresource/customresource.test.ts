import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JSONSchemaProps } from "../customresourcedefinition/type.ts";
import { formatFieldError } from "../field-error.ts";
import { setSchemaDefaults } from "./defaulting.ts";
import { prune } from "./prune.ts";
import { parsePath, setAt, valueAt, valuesAt } from "./simple-path.ts";
import { validateValue } from "./validation.ts";

const SCHEMA: JSONSchemaProps = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      properties: {
        size: { type: "integer", default: 3 },
        note: { type: "string", nullable: true, default: "n" },
        list: {
          type: "array",
          items: { type: "object", properties: { a: { type: "string", default: "x" } } },
        },
        map: {
          type: "object",
          additionalProperties: { type: "object", properties: { b: { type: "integer" } } },
        },
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        inner: {
          type: "object",
          "x-kubernetes-embedded-resource": true,
          properties: { spec: { type: "object" } },
        },
      },
    },
  },
};

test("unknown fields are dropped, and named", () => {
  const unknown: string[] = [];
  const value = {
    apiVersion: "v",
    metadata: { any: 1 },
    junk: 1,
    spec: {
      size: "wrong type, not my business",
      odd: 1,
      list: [{ a: "1", z: 2 }],
      map: { k: { b: 1, z: 2 } },
      free: { deep: [{ thing: null }] },
      inner: { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: {}, z: 1 },
    },
  };
  assert.deepEqual(prune(SCHEMA, value, unknown), {
    apiVersion: "v",
    metadata: { any: 1 },
    spec: {
      size: "wrong type, not my business",
      list: [{ a: "1" }],
      map: { k: { b: 1 } },
      free: { deep: [{ thing: null }] },
      inner: { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: {} },
    },
  });
  assert.deepEqual(unknown, [
    'unknown field "junk"',
    'unknown field "spec.odd"',
    'unknown field "spec.list[0].z"',
    'unknown field "spec.map.k.z"',
    'unknown field "spec.inner.z"',
  ]);
});

test("defaults fill what is absent, and null where null is no value", () => {
  const rows: [object, object][] = [
    [{}, {}],
    [{ spec: {} }, { spec: { size: 3, note: "n" } }],
    [{ spec: { size: null, note: null, list: [{}] } }, { spec: { size: 3, note: null, list: [{ a: "x" }] } }],
    [{ spec: { size: 0, note: "" } }, { spec: { size: 0, note: "" } }],
  ];
  for (const [given, expected] of rows) {
    const value = structuredClone(given);
    setSchemaDefaults(SCHEMA, value);
    assert.deepEqual(value, expected);
  }
});

test("values and upstream's sentences about them", () => {
  const rows: [JSONSchemaProps, unknown, ...string[]][] = [
    [{ type: "integer" }, 3],
    [{ type: "integer" }, 3.5, 'f: Invalid value: "number": f in body must be of type integer: "number"'],
    [{ type: "number" }, 3],
    [{ type: "string" }, null, 'f: Invalid value: "null": f in body must be of type string: "null"'],
    [{ type: "string", nullable: true }, null],
    [{ "x-kubernetes-int-or-string": true }, "a"],
    [
      { type: "number", maximum: 5, exclusiveMaximum: true },
      5,
      "f: Invalid value: 5: f in body should be less than 5",
    ],
    [{ type: "number", multipleOf: 0.1 }, 0.3],
    [{ type: "integer", multipleOf: 4 }, 6, "f: Invalid value: 6: f in body should be a multiple of 4"],
    [
      { type: "string", minLength: 2 },
      "é",
      'f: Invalid value: "é": f in body should be at least 2 chars long',
    ],
    [{ type: "string", pattern: "^a$" }, "ab", "f: Invalid value: \"ab\": f in body should match '^a$'"],
    [
      { type: "string", format: "ipv4" },
      "::1",
      'f: Invalid value: "::1": f in body must be of type ipv4: "::1"',
    ],
    [{ type: "array", minItems: 1 }, [], "f: Invalid value: []: f in body should have at least 1 items"],
    [{ type: "object", maxProperties: 1 }, { a: 1, b: 2 }, "f: Too many: 2: must have at most 1 item"],
    [{ type: "object", required: ["a"] }, {}, "f.a: Required value"],
    [
      { type: "object", oneOf: [{ required: ["a"] }, { required: ["b"] }] },
      { a: 1, b: 1 },
      'f: Invalid value: "": "f" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
    [
      { type: "integer", anyOf: [{ minimum: 5 }, { maximum: 1 }] },
      3,
      'f: Invalid value: "": "f" must validate at least one schema (anyOf)',
    ],
    [
      { type: "integer", not: { minimum: 5 } },
      6,
      'f: Invalid value: "": "f" must not validate the schema (not)',
    ],
  ];
  for (const [schema, value, ...expected] of rows)
    assert.deepEqual(
      validateValue(schema, value, "f").map((error) => formatFieldError(error)),
      expected,
      JSON.stringify([schema, value]),
    );
});

test("paths lead to values", () => {
  const object = {
    spec: {
      replicas: 2,
      list: [
        { name: "a", n: 1 },
        { name: "b", n: 2 },
      ],
    },
    metadata: { labels: { "x.y/z": "l" } },
    status: { conditions: [{ type: "Ready", status: "True" }] },
  };
  const rows: [string, unknown[] | undefined][] = [
    [".spec.replicas", [2]],
    [".spec.list[1].n", [2]],
    [".spec.list[-1].n", [2]],
    [".spec.list[*].name", ["a", "b"]],
    [".metadata.labels['x.y/z']", ["l"]],
    [".metadata.labels.x\\.y/z", ["l"]],
    ['.status.conditions[?(@.type=="Ready")].status', ["True"]],
    [".status.conditions[?(@.type=='Other')].status", []],
    [".spec.none.deeper", []],
    ["spec", undefined],
    [".spec[", undefined],
  ];
  for (const [path, expected] of rows) {
    const steps = parsePath(path);
    assert.deepEqual(steps === undefined ? undefined : valuesAt(steps, object), expected, path);
  }
  const made = {};
  setAt(".spec.a.b", made, 1);
  assert.deepEqual([made, valueAt(".spec.a.b", made)], [{ spec: { a: { b: 1 } } }, 1]);
});

test("any JSON is pruned, defaulted and judged without a fault, and pruning twice changes nothing", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom("spec", "status", "x", "__proto__"), fc.jsonValue()),
      (value) => {
        const once = prune(SCHEMA, value, []);
        assert.deepEqual(prune(SCHEMA, once, []), once);
        setSchemaDefaults(SCHEMA, once);
        const filled = structuredClone(once);
        setSchemaDefaults(SCHEMA, filled);
        assert.deepEqual(filled, once);
        for (const { field } of validateValue(SCHEMA, once, "")) assert.equal(typeof field, "string");
      },
    ),
    { numRuns: 200 },
  );
});
