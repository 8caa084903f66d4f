import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../kinds.ts";
import { kindsByDocument, openApiDocument } from "./documents.ts";

type Json = Record<string, unknown>;
const documents = new Map(
  [...kindsByDocument(kinds)].map(([name, members]) => [name, openApiDocument(members, "v1.34.0")]),
);

/** The part of a document at a path of keys. */
function at(document: unknown, ...path: string[]): Json {
  let part = document;
  for (const key of path) part = (part as Json)[key];
  assert.ok(part !== undefined, path.join(" "));
  return part as Json;
}

test("one document a group and version", () => {
  const expected = kinds.map(({ group, version }) =>
    group === "" ? `api/${version}` : `apis/${group}/${version}`,
  );
  assert.deepEqual([...documents.keys()], [...new Set(expected)]);
  assert.ok(documents.has("api/v1") && documents.has("apis/discovery.k8s.io/v1"));
});

test("every reference leads somewhere, every path parameter is declared, operation ids are unique", () => {
  for (const [name, document] of documents) {
    const schemas = at(document, "components", "schemas");
    const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)];
    assert.ok(references.length > 20);
    for (const [, target] of references) assert.ok(Object.hasOwn(schemas, target!), `${name}: ${target}`);
    const ids = new Set<unknown>();
    for (const [path, item] of Object.entries(at(document, "paths"))) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => String(parameter)).sort();
      const declared = ((item as Json)["parameters"] as Json[])
        .filter((p) => p["in"] === "path")
        .map((p) => String(p["name"]));
      assert.deepEqual(declared.sort(), inPath, path);
      for (const [method, operation] of Object.entries(item as Json)) {
        if (method === "parameters") continue;
        const id = (operation as Json)["operationId"];
        assert.ok(!ids.has(id), `${path}: ${String(id)}`);
        ids.add(id);
      }
    }
  }
});

test("what kubectl looks for", () => {
  const core = documents.get("api/v1");
  const patch = at(core, "paths", "/api/v1/namespaces/{namespace}/services/{name}", "patch");
  assert.deepEqual(patch["x-kubernetes-group-version-kind"], { group: "", version: "v1", kind: "Service" });
  assert.equal(patch["x-kubernetes-action"], "patch");
  const parameters = (patch["parameters"] as Json[]).map((parameter) => parameter["name"]);
  assert.deepEqual(parameters, ["dryRun", "fieldManager", "fieldValidation", "force"]);
  const service = at(core, "components", "schemas", "io.k8s.api.core.v1.Service");
  assert.deepEqual(service["x-kubernetes-group-version-kind"], [
    { group: "", version: "v1", kind: "Service" },
  ]);
  const spec = at(core, "components", "schemas", "io.k8s.api.core.v1.ServiceSpec", "properties");
  assert.deepEqual(spec["ports"], {
    description:
      "The ports on the virtual address. Required unless the service is headless or an ExternalName.",
    type: "array",
    items: { allOf: [{ $ref: "#/components/schemas/io.k8s.api.core.v1.ServicePort" }] },
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["port", "protocol"],
    "x-kubernetes-patch-strategy": "merge",
    "x-kubernetes-patch-merge-key": "port",
  });
  const port = at(core, "components", "schemas", "io.k8s.api.core.v1.ServicePort");
  assert.deepEqual(port["required"], ["port"]);
  assert.deepEqual(at(port, "properties", "protocol")["default"], "TCP");
});

test("every operation that is served is there, subresources with their own kinds", () => {
  const apps = documents.get("apis/apps/v1");
  const scale = at(apps, "paths", "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale");
  assert.deepEqual(Object.keys(scale).sort(), ["get", "parameters", "patch", "put"]);
  assert.deepEqual(at(scale, "get")["x-kubernetes-group-version-kind"], {
    group: "autoscaling",
    version: "v1",
    kind: "Scale",
  });
  const core = documents.get("api/v1");
  const token = at(core, "paths", "/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
  assert.deepEqual(Object.keys(token).sort(), ["parameters", "post"]);
  const namespaces = at(core, "paths", "/api/v1/namespaces");
  assert.deepEqual(Object.keys(namespaces).sort(), ["get", "parameters", "post"]);
  const reviews = documents.get("apis/authorization.k8s.io/v1");
  const review = at(reviews, "paths", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
  assert.deepEqual(Object.keys(review).sort(), ["parameters", "post"]);
});

test("every field of every kind is described", () => {
  for (const [name, document] of documents)
    for (const [schema, { properties }] of Object.entries(
      at(document, "components", "schemas") as Record<string, { properties?: Record<string, Json> }>,
    ))
      for (const [field, { description }] of Object.entries(properties ?? {}))
        assert.match(String(description), /^.+\.$/, `${name} ${schema}.${field}`);
});
