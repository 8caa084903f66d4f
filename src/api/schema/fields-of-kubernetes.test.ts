import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { deleteOptionsSchema } from "../meta/delete-options.ts";
import { scaleSchema } from "../scale/schema.ts";
import { everySchema } from "./every-schema.ts";
import { goTypeName } from "./schema.ts";
import type { FieldSchema, ValueSchema } from "./schema.ts";

/** The field as a line of the recorded facts has it. */
function describe(name: string, field: FieldSchema): string {
  const number = field.within === undefined ? `${field.number}` : `${field.within}.${field.number}`;
  const type = `${field.pointer ? "*" : ""}${goType(field.value)}`;
  const patch = field.patch === undefined ? "" : ` ${field.patch.strategy}:${field.patch.key ?? ""}`;
  return `${name} ${number} ${type}${field.required ? " required" : ""}${patch}`;
}

const GO: Partial<Record<ValueSchema["type"], string>> = {
  boolean: "bool",
  bytes: "[]uint8",
  time: "v1.Time",
  microTime: "v1.MicroTime",
  quantity: "resource.Quantity",
  intOrString: "intstr.IntOrString",
  json: "v1.FieldsV1",
};

function goType(schema: ValueSchema): string {
  if (schema.type === "list") return `[]${goType(schema.items)}`;
  if (schema.type === "map") return `map:${goType(schema.values)}`;
  if (schema.type === "object") return goTypeName(schema);
  return GO[schema.type] ?? schema.type;
}

test("names, wire numbers, types and patch keys are those of Kubernetes 1.34", () => {
  const facts = ["1.33", "1.34"]
    .map((version) => readFileSync(new URL(`kubernetes-${version}-fields.txt`, import.meta.url), "utf8"))
    .join("\n");
  const expected = new Map<string, string[]>();
  for (const line of facts.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const space = line.indexOf(" ");
    const type = line.slice(0, space);
    expected.set(type, [...(expected.get(type) ?? []), line.slice(space + 1)]);
  }
  let compared = 0;
  for (const [name, schema] of everySchema([deleteOptionsSchema, scaleSchema])) {
    // kubectl, which the facts were taken from, does not have these types; they are sent as JSON only.
    if (name.startsWith("io.k8s.apiextensions-apiserver.")) continue;
    // Our own.
    if (name.startsWith("dev.fairlead.")) continue;
    const facts = expected.get(name);
    if (name.endsWith(".Preconditions")) continue;
    assert.ok(facts !== undefined, `no facts about ${name}`);
    const own = [...schema.fields]
      // The envelope's, and on the wire nowhere else.
      .filter(([, field]) => field.number !== 0)
      .map(([field, of]) => describe(field, of));
    assert.deepEqual(own.sort(), normalized(facts).sort(), name);
    compared += own.length;
  }
  assert.ok(compared > 700, `only ${compared} fields were compared`);
});

/** Metadata is written on every kind alike, though Event's and PersistentVolumeClaimTemplate's tags differ. */
function normalized(facts: readonly string[]): string[] {
  return facts.map((fact) => (fact.startsWith("metadata ") ? "metadata 1 v1.ObjectMeta" : fact));
}
