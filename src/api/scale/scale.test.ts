import assert from "node:assert/strict";
import { test } from "node:test";
import { structure } from "../schema/json/structure.ts";
import { checkCreates } from "../validation/complaints-table.ts";
import { scaleKind } from "./kind.ts";

const GOOD = { metadata: { name: "web", namespace: "default" }, spec: { replicas: 3 } };

test("a Scale names something and wants no fewer than no replicas", () => {
  checkCreates(scaleKind, GOOD, [
    [{ spec: null }],
    [{ spec: { replicas: -1 } }, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
    [{ metadata: { name: null } }, "metadata.name: Required value: name or generateName is required"],
  ]);
});

test("its status always has a count, its spec has none where nothing is wanted", () => {
  const { object } = structure(scaleKind.schema, { metadata: {}, spec: { replicas: 0 }, status: {} });
  assert.deepEqual(object, { metadata: {}, spec: {}, status: { replicas: 0 } });
});
