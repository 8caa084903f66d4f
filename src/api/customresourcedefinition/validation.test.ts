import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { customResourceKinds } from "../customresource/kind.ts";
import { structure, StructureError } from "../schema/json/structure.ts";
import { changed, checkCreates, checkUpdates, CONTEXT } from "../validation/complaints-table.ts";
import { customResourceDefinitionKind as kind } from "./kind.ts";

const version = (schema: unknown, more: object = {}): object => ({
  spec: {
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema }, ...more }],
  },
});
const GOOD = {
  metadata: { name: "tabs.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "tabs", kind: "Tab" },
    ...(version({ type: "object" }) as { spec: object }).spec,
  },
  status: { conditions: [], acceptedNames: { plural: "", kind: "" }, storedVersions: ["v1"] },
};
const AT = "spec.versions[0].schema.openAPIV3Schema";
const withSpec = (spec: unknown): object => version({ type: "object", properties: { spec } });

test("singular, listKind and the strategy of conversion are filled in", () => {
  const { spec } = changed(kind, GOOD, {});
  assert.deepEqual(spec.names, { plural: "tabs", singular: "tab", kind: "Tab", listKind: "TabList" });
  assert.deepEqual(spec.conversion, { strategy: "None" });
});

test("a new definition gets the finalizer and its storage version", () => {
  const definition = changed(kind, { ...GOOD, status: undefined }, {});
  kind.prepareForCreate(definition);
  assert.deepEqual(definition.metadata.finalizers, ["customresourcecleanup.apiextensions.k8s.io"]);
  assert.deepEqual(definition.status, {
    conditions: [],
    acceptedNames: { plural: "", kind: "" },
    storedVersions: ["v1"],
  });
});

test("new definitions", () => {
  checkCreates(kind, GOOD, [
    [
      { metadata: { name: "tab.example.com" } },
      'metadata.name: Invalid value: "tab.example.com": must be spec.names.plural+"."+spec.group',
    ],
    [
      { spec: { scope: "Global" } },
      'spec.scope: Unsupported value: "Global": supported values: "Cluster", "Namespaced"',
    ],
    [
      { spec: { names: { listKind: "Tab" } } },
      'spec.names.listKind: Invalid value: "Tab": kind and listKind may not be the same',
    ],
    [
      { spec: { preserveUnknownFields: true } },
      "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
    ],
    [
      version({ type: "array", items: { type: "string" } }),
      `${AT}.type: Invalid value: "array": must be object at the root`,
    ],
    [withSpec({ type: "array" }), `${AT}.properties[spec].items: Required value: must be specified`],
    [
      withSpec({ type: "array", items: {} }),
      `${AT}.properties[spec].items.type: Required value: must not be empty for specified array items`,
    ],
    [withSpec({ type: "object", additionalProperties: { type: "string" } })],
    [
      withSpec({ type: "object", additionalProperties: { type: 5 } }),
      `${AT}.properties[spec].additionalProperties: Invalid value: {"type":5}: json: cannot unmarshal number into Go struct field JSONSchemaProps.type of type string`,
    ],
    [
      withSpec({ $ref: "#/x", type: "object" }),
      `${AT}.properties[spec].$ref: Forbidden: $ref is not supported`,
    ],
    [
      withSpec({ type: "integer", default: "a" }),
      `${AT}.properties[spec].default: Invalid value: "string": ${AT}.properties[spec].default in body must be of type integer: "string"`,
    ],
    [
      withSpec({ type: "object", anyOf: [{ type: "object" }] }),
      `${AT}.properties[spec].anyOf[0].type: Forbidden: must be empty to be structural`,
    ],
    [withSpec({ "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] })],
    [
      withSpec({ type: "array", items: { type: "object" }, "x-kubernetes-list-type": "map" }),
      `${AT}.properties[spec].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`,
    ],
    [
      version(
        { type: "object" },
        { subresources: { scale: { specReplicasPath: ".spec.n", statusReplicasPath: ".n" } } },
      ),
      'spec.versions[0].subresources.scale.statusReplicasPath: Invalid value: ".n": should be a json path under .status',
    ],
    [
      version(
        { type: "object" },
        { additionalPrinterColumns: [{ name: "A", type: "text", jsonPath: ".a" }] },
      ),
      'spec.versions[0].additionalPrinterColumns[0].type: Unsupported value: "text": supported values: "boolean", "date", "integer", "number", "string"',
    ],
  ]);
});

test("what cannot change once it is established", () => {
  const established = {
    ...GOOD,
    status: { ...GOOD.status, conditions: [{ type: "Established", status: "True" }] },
  };
  checkUpdates(kind, established, [
    [{ spec: { names: { shortNames: ["t"] } } }],
    [{ spec: { scope: "Cluster" } }, 'spec.scope: Invalid value: "Cluster": field is immutable'],
    [
      { spec: { names: { kind: "Tub", listKind: "TubList" } } },
      'spec.names.kind: Invalid value: "Tub": field is immutable',
    ],
  ]);
  checkUpdates(kind, GOOD, [[{ spec: { scope: "Cluster" } }]]);
});

test("any JSON as a schema is judged without a fault, and what is good makes a kind", () => {
  const keyword = fc.constantFrom(
    "type",
    "items",
    "properties",
    "additionalProperties",
    "enum",
    "pattern",
    "default",
    "not",
    "required",
    "anyOf",
    "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields",
    "nullable",
    "maximum",
  );
  const plain = fc.constantFrom(
    { type: "string" },
    { type: "integer", default: 3 },
    { "x-kubernetes-int-or-string": true },
  );
  const structural = fc.oneof(
    fc.record({ type: fc.constant("object"), properties: fc.dictionary(fc.constantFrom("a", "b"), plain) }),
    fc.record({ type: fc.constant("array"), items: plain }),
  );
  const { schema } = fc.letrec<{ schema: unknown; value: unknown }>((tie) => ({
    schema: fc.dictionary(keyword, tie("value"), { maxKeys: 4 }),
    value: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.constantFrom("object", "array", "string", "integer", "map", true),
      tie("schema"),
      fc.dictionary(fc.constantFrom("a", "metadata", "__proto__"), tie("schema"), { maxKeys: 2 }),
      fc.array(tie("schema"), { maxLength: 2 }),
    ),
  }));
  let good = 0;
  let bad = 0;
  fc.assert(
    fc.property(fc.oneof({ weight: 4, arbitrary: schema }, structural), (root) => {
      let definition;
      try {
        definition = structure(kind.schema, {
          ...GOOD,
          spec: { ...GOOD.spec, ...(withSpec(root) as { spec: object }).spec },
        }).object;
      } catch (error) {
        assert.ok(error instanceof StructureError);
        return;
      }
      kind.setDefaults(definition);
      const errors = kind.validate(definition, CONTEXT);
      for (const { field } of errors) assert.equal(typeof field, "string");
      if (errors.length > 0) {
        bad++;
        return;
      }
      good++;
      const { stored } = customResourceKinds(definition);
      const { object } = structure(stored.schema, { metadata: {}, spec: { a: [1, { b: null }] } });
      stored.setDefaults(object);
      stored.validate(object, CONTEXT);
    }),
    { numRuns: 400 },
  );
  assert.ok(good > 0 && bad > 0, `${good} good and ${bad} bad schemas`);
});
