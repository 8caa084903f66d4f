/** The paths of OpenAPI v3 documents: which verbs a kind has, where, with which query parameters. */
import { apiVersionOf } from "../kind.ts";
import type { Kind } from "../kind.ts";
import { reference } from "./schemas.ts";
import type { Json } from "./schemas.ts";

interface Parameter {
  readonly name: string;
  readonly type: "string" | "boolean" | "integer";
  readonly description: string;
}

const text = (name: string, description: string): Parameter => ({ name, type: "string", description });
const flag = (name: string, description: string): Parameter => ({ name, type: "boolean", description });
const count = (name: string, description: string): Parameter => ({ name, type: "integer", description });

const PRETTY = text("pretty", "With true the answer is indented.");
const DRY_RUN = text("dryRun", "With All everything is done but storing.");
const FIELD_MANAGER = text("fieldManager", "The name of who writes, for managedFields.");
const FIELD_VALIDATION = text(
  "fieldValidation",
  "What happens to fields that do not exist or occur twice: Strict refuses, Warn warns, Ignore drops.",
);
const SELECTORS = [
  text("labelSelector", "Only objects whose labels match."),
  text("fieldSelector", "Only objects whose fields match."),
];
const READ_AT = [
  text("resourceVersion", "The version to read or watch from."),
  text("resourceVersionMatch", "Exact or NotOlderThan."),
];
const WRITE = [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION];
const DELETE = [
  DRY_RUN,
  count("gracePeriodSeconds", "Seconds to end by itself."),
  flag("orphanDependents", "Old form of propagationPolicy."),
  text("propagationPolicy", "Orphan, Background or Foreground."),
];
const LIST = [
  ...SELECTORS,
  ...READ_AT,
  count("limit", "The most objects in one answer."),
  text("continue", "Where the answer before ended."),
  flag("watch", "Stream changes instead."),
  flag("allowWatchBookmarks", "Send bookmarks when nothing happens."),
  flag("sendInitialEvents", "Begin a watch with what there is."),
  count("timeoutSeconds", "Seconds after which a watch ends."),
];

/** The verbs of a list of objects and of a single one. */
interface Verb {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** x-kubernetes-action. */
  readonly action: string;
  readonly parameters: readonly Parameter[];
  readonly answer: "object" | "list" | "status";
  readonly body?: "object" | "patch" | "options";
}

const COLLECTION: readonly Verb[] = [
  { method: "get", action: "list", parameters: LIST, answer: "list" },
  { method: "post", action: "post", parameters: WRITE, answer: "object", body: "object" },
  {
    method: "delete",
    action: "deletecollection",
    parameters: [...DELETE, ...LIST],
    answer: "status",
    body: "options",
  },
];
const LIST_ONLY = COLLECTION.slice(0, 1);
const READ_WRITE: readonly Verb[] = [
  { method: "get", action: "get", parameters: [], answer: "object" },
  { method: "put", action: "put", parameters: WRITE, answer: "object", body: "object" },
  {
    method: "patch",
    action: "patch",
    parameters: [...WRITE, flag("force", "Take over fields of other managers.")],
    answer: "object",
    body: "patch",
  },
];
const SINGLE: readonly Verb[] = [
  ...READ_WRITE,
  { method: "delete", action: "delete", parameters: DELETE, answer: "status", body: "options" },
];

export const STATUS_SCHEMA = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
export const PATCH_SCHEMA = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
export const DELETE_OPTIONS_SCHEMA = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/** The prefix of a kind's group and version: "/api/v1", "/apis/discovery.k8s.io/v1". */
export function groupVersionPath(kind: Pick<Kind, "group" | "version">): string {
  return `${kind.group === "" ? "/api" : "/apis"}/${apiVersionOf(kind as Kind)}`;
}

/** The path items of a kind. */
export function pathsOf(kind: Kind): Record<string, Json> {
  const root = groupVersionPath(kind);
  const collection = kind.namespaced
    ? `${root}/namespaces/{namespace}/${kind.plural}`
    : `${root}/${kind.plural}`;
  const inPath = kind.namespaced ? ["namespace"] : [];
  const paths: Record<string, Json> = { [collection]: pathItem(kind, collection, COLLECTION, inPath) };
  if (kind.namespaced)
    paths[`${root}/${kind.plural}`] = pathItem(kind, `${root}/${kind.plural}`, LIST_ONLY, []);
  const single = `${collection}/{name}`;
  paths[single] = pathItem(kind, single, SINGLE, ["name", ...inPath]);
  if (kind.subresources.status === true)
    paths[`${single}/status`] = pathItem(kind, `${single}/status`, READ_WRITE, ["name", ...inPath]);
  return paths;
}

function pathItem(kind: Kind, path: string, verbs: readonly Verb[], inPath: readonly string[]): Json {
  const item: Json = {
    parameters: [
      ...inPath.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } })),
      queryParameter(PRETTY),
    ],
  };
  for (const verb of verbs) item[verb.method] = operation(kind, path, verb);
  return item;
}

function operation(kind: Kind, path: string, verb: Verb): Json {
  const what = path.endsWith("/status") ? `the status of a ${kind.kind}` : kind.kind;
  const unique = new Map(verb.parameters.map((parameter) => [parameter.name, parameter]));
  const operation: Json = {
    description: `${verb.action} ${what}`,
    operationId: `${verb.action}${path.replace(/[^A-Za-z0-9]+(.)?/g, (_, next: string = "") => next.toUpperCase())}`,
    tags: [groupVersionPath(kind).slice(1).replaceAll("/", "_")],
    parameters: [...unique.values()].map(queryParameter),
    responses: { "200": { description: "OK", content: json(answerSchema(kind, verb)) } },
    "x-kubernetes-action": verb.action,
    "x-kubernetes-group-version-kind": { group: kind.group, version: kind.version, kind: kind.kind },
  };
  if (verb.body !== undefined)
    operation["requestBody"] = { required: verb.body !== "options", content: bodyContent(kind, verb.body) };
  return operation;
}

function queryParameter({ name, type, description }: Parameter): Json {
  return { name, in: "query", description, schema: { type, uniqueItems: true } };
}

function answerSchema(kind: Kind, { answer }: Verb): Json {
  if (answer === "status") return reference(STATUS_SCHEMA);
  return reference(answer === "list" ? `${kind.schema.name}List` : kind.schema.name);
}

function json(schema: Json): Json {
  return { "application/json": { schema } };
}

function bodyContent(kind: Kind, body: "object" | "patch" | "options"): Json {
  if (body === "options") return json(reference(DELETE_OPTIONS_SCHEMA));
  if (body === "object") return json(reference(kind.schema.name));
  // kubectl sends a strategic merge patch wherever it is listed. Custom resources have none.
  const types = ["json-patch", "merge-patch", ...(kind.custom === true ? [] : ["strategic-merge-patch"])];
  return Object.fromEntries(
    types.map((type) => [`application/${type}+json`, { schema: reference(PATCH_SCHEMA) }]),
  );
}
