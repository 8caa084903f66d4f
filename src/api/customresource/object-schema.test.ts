/** What server-side apply makes of structural schemas. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkApplied } from "../apply/check.ts";
import { shapeOfValue } from "../apply/shape.ts";
import type { JSONSchemaProps } from "../customresourcedefinition/type.ts";
import { customObjectSchema } from "./object-schema.ts";

const PRESERVE = { "x-kubernetes-preserve-unknown-fields": true };

function complaints(schema: JSONSchemaProps, object: object): string[] {
  return checkApplied(shapeOfValue(customObjectSchema("com.example.v1.Foo", schema)), object);
}

test("unknown fields are refused but where the schema preserves them", () => {
  const spec = { type: "object", properties: { foo: { type: "string" } } };
  const object = { apiVersion: "example.com/v1", kind: "Foo", metadata: { name: "a" } };
  for (const [schema, more, expected] of [
    [{ type: "object" }, { spec: {} }, [".spec: field not declared in schema"]],
    [{ type: "object", ...PRESERVE }, { spec: { any: [1] } }, []],
    [
      { type: "object", properties: { spec } },
      { spec: { bar: 1 } },
      [".spec.bar: field not declared in schema"],
    ],
    [{ type: "object", properties: { spec: { ...spec, ...PRESERVE } } }, { spec: { bar: 1 } }, []],
    // What is named has its type all the same.
    [
      { type: "object", properties: { spec: { ...spec, ...PRESERVE } } },
      { spec: { foo: 1 } },
      [".spec.foo: expected string, got &value.valueUnstructured{Value:1}"],
    ],
    // Metadata is never open.
    [
      { type: "object", ...PRESERVE },
      { metadata: { name: "a", odd: "x" } },
      [".metadata.odd: field not declared in schema"],
    ],
  ] as const)
    assert.deepEqual(complaints(schema as JSONSchemaProps, { ...object, ...more }), expected);
});

test("a list with keys is taken apart where unknown fields are preserved beside it", () => {
  const ports = {
    type: "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["port"],
    items: { type: "object", properties: { port: { type: "integer" } }, required: ["port"] },
  };
  const schema = {
    type: "object",
    properties: { spec: { type: "object", properties: { ports }, ...PRESERVE } },
  };
  assert.deepEqual(complaints(schema as JSONSchemaProps, { spec: { ports: [{ port: 1 }, { port: 1 }] } }), [
    ".spec.ports: duplicate entries for key [port=1]",
  ]);
});

test("an embedded object has a head and metadata", () => {
  const template = { type: "object", "x-kubernetes-embedded-resource": true, properties: {} };
  const schema = { type: "object", properties: { template } } as JSONSchemaProps;
  const head = { apiVersion: "v1", kind: "Sub" };
  assert.deepEqual(complaints(schema, { template: { ...head, metadata: { name: "a" } } }), []);
  assert.deepEqual(complaints(schema, { template: { ...head, metadata: { odd: "a" } } }), [
    ".template.metadata.odd: field not declared in schema",
  ]);
});
