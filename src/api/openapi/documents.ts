/**
 * OpenAPI v3: one document a group and version (KEP-2896). kubectl reads them before apply, create and replace, and for
 * explain: it finds a schema by x-kubernetes-group-version-kind, and fieldValidation among the parameters of PATCH.
 */
import type { Kind } from "../kind.ts";
import { subresourcesOf, verbsOf } from "../subresources.ts";
import { deleteOptionsSchema } from "../meta/delete-options.ts";
import { groupVersionPath, PATCH_SCHEMA, pathsOf, STATUS_SCHEMA } from "./operations.ts";
import { ComponentSchemas, reference } from "./schemas.ts";
import type { Json } from "./schemas.ts";

const LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/** The kinds by the name of their document in the index: "api/v1", "apis/discovery.k8s.io/v1". */
export function kindsByDocument(kinds: readonly Kind[]): ReadonlyMap<string, readonly Kind[]> {
  const groups = new Map<string, Kind[]>();
  for (const kind of kinds) {
    const name = groupVersionPath(kind).slice(1);
    groups.set(name, [...(groups.get(name) ?? []), kind]);
  }
  return groups;
}

/** The document of the kinds of one group and version. `version` is the server's. */
export function openApiDocument(kinds: readonly Kind[], version: string): object {
  const schemas = new ComponentSchemas();
  addCommon(schemas);
  const paths: Json = {};
  for (const kind of kinds) {
    for (const one of [kind, ...subresourcesOf(kind).map((part) => part.kind)]) {
      const { group, version, kind: name } = one;
      schemas.add(one.schema, { "x-kubernetes-group-version-kind": [{ group, version, kind: name }] });
    }
    if (verbsOf(kind).includes("list")) schemas.addRaw(`${kind.schema.name}List`, listSchema(kind));
    Object.assign(paths, pathsOf(kind));
  }
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version },
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: { schemas: schemas.toJSON() },
  };
}

function listSchema({ group, version, kind, schema }: Kind): Json {
  return {
    description: `A list of ${kind}.`,
    type: "object",
    required: ["items"],
    properties: {
      ...typeFields(),
      metadata: { description: "About the list.", default: {}, allOf: [reference(LIST_META)] },
      items: {
        description: "The objects.",
        type: "array",
        items: { default: {}, allOf: [reference(schema.name)] },
      },
    },
    "x-kubernetes-group-version-kind": [{ group, version, kind: `${kind}List` }],
  };
}

function typeFields(): Json {
  return {
    apiVersion: { description: "The API version.", type: "string" },
    kind: { description: "The kind.", type: "string" },
  };
}

/** What every document refers to: the outcome of a call, options, lists, patches. */
function addCommon(schemas: ComponentSchemas): void {
  schemas.add(deleteOptionsSchema);
  schemas.addRaw(PATCH_SCHEMA, {
    description: "A patch, in the form that its media type says.",
    type: "object",
  });
  schemas.addRaw(LIST_META, {
    description: "About a list.",
    type: "object",
    properties: {
      resourceVersion: { description: "The version that the list is true at.", type: "string" },
      continue: { description: "Where the next part begins; empty at the end.", type: "string" },
      remainingItemCount: {
        description: "How many more objects there are.",
        type: "integer",
        format: "int64",
      },
    },
  });
  schemas.addRaw(STATUS_SCHEMA, {
    description: "The outcome of a call that has no object to return.",
    type: "object",
    properties: {
      ...typeFields(),
      metadata: { description: "About the answer.", default: {}, allOf: [reference(LIST_META)] },
      status: { description: "Success or Failure.", type: "string" },
      message: { description: "What happened, for people.", type: "string" },
      reason: { description: "Why, as one word for programs.", type: "string" },
      code: { description: "The HTTP status code.", type: "integer", format: "int32" },
      details: { description: "More about the reason.", type: "object" },
    },
    "x-kubernetes-group-version-kind": [{ group: "", version: "v1", kind: "Status" }],
  });
}
