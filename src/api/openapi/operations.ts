/** The paths of OpenAPI v3 documents: which verbs a kind has, where, with which query parameters. */
import { apiVersionOf } from "../kind.ts";
import type { Kind, Verb } from "../kind.ts";
import { subresourcesOf, verbsOf } from "../subresources.ts";
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

/** What a verb is over HTTP. */
interface Operation {
  readonly verb: Verb;
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** x-kubernetes-action. */
  readonly action: string;
  readonly parameters: readonly Parameter[];
  readonly answer: "object" | "list" | "status";
  readonly body?: "object" | "patch" | "options";
}

const CREATE: Operation = {
  verb: "create",
  method: "post",
  action: "post",
  parameters: WRITE,
  answer: "object",
  body: "object",
};
const COLLECTION: readonly Operation[] = [
  { verb: "list", method: "get", action: "list", parameters: LIST, answer: "list" },
  CREATE,
  {
    verb: "deletecollection",
    method: "delete",
    action: "deletecollection",
    parameters: [...DELETE, ...LIST],
    answer: "status",
    body: "options",
  },
];
const SINGLE: readonly Operation[] = [
  { verb: "get", method: "get", action: "get", parameters: [], answer: "object" },
  { verb: "update", method: "put", action: "put", parameters: WRITE, answer: "object", body: "object" },
  {
    verb: "patch",
    method: "patch",
    action: "patch",
    parameters: [...WRITE, flag("force", "Take over fields of other managers.")],
    answer: "object",
    body: "patch",
  },
  {
    verb: "delete",
    method: "delete",
    action: "delete",
    parameters: DELETE,
    answer: "status",
    body: "options",
  },
];
const PART: readonly Operation[] = [CREATE, ...SINGLE];

export const STATUS_SCHEMA = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
export const PATCH_SCHEMA = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
export const DELETE_OPTIONS_SCHEMA = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/** The prefix of a kind's group and version: "/api/v1", "/apis/discovery.k8s.io/v1". */
export function groupVersionPath(kind: Pick<Kind, "group" | "version">): string {
  return `${kind.group === "" ? "/api" : "/apis"}/${apiVersionOf(kind as Kind)}`;
}

/** The path items of a kind, by path. */
export function pathsOf(kind: Kind): Record<string, Json> {
  const root = groupVersionPath(kind);
  const everywhere = `${root}/${kind.plural}`;
  const collection = kind.namespaced ? `${root}/namespaces/{namespace}/${kind.plural}` : everywhere;
  const single = `${collection}/{name}`;
  const namespace = kind.namespaced ? ["namespace"] : [];
  const verbs = verbsOf(kind);
  const paths: Record<string, Json> = {};
  const add = (path: Path, operations: readonly Operation[], has: readonly Verb[]): void => {
    const own = operations.filter(({ verb }) => has.includes(verb));
    if (own.length > 0) paths[path.path] = pathItem(path, own);
  };
  add({ main: kind, kind, path: collection, inPath: namespace }, COLLECTION, verbs);
  if (kind.namespaced)
    add(
      { main: kind, kind, path: everywhere, inPath: [] },
      COLLECTION,
      verbs.filter((verb) => verb === "list"),
    );
  const inPath = ["name", ...namespace];
  add({ main: kind, kind, path: single, inPath }, SINGLE, verbs);
  for (const { name, kind: its, verbs: has } of subresourcesOf(kind))
    add({ main: kind, kind: its, path: `${single}/${name}`, inPath, part: name }, PART, has);
  return paths;
}

interface Path {
  readonly path: string;
  /** The kind that the path belongs to, and that of what is sent and answered. */
  readonly main: Kind;
  readonly kind: Kind;
  /** The names of the parameters in the path. */
  readonly inPath: readonly string[];
  /** The subresource. */
  readonly part?: string;
}

function pathItem(path: Path, operations: readonly Operation[]): Json {
  const item: Json = {
    parameters: [
      ...path.inPath.map((name) => ({
        name,
        in: "path",
        required: true,
        schema: { type: "string", uniqueItems: true },
      })),
      queryParameter(PRETTY),
    ],
  };
  for (const one of operations) item[one.method] = operation(path, one);
  return item;
}

function operation({ path, main, kind, part }: Path, { action, parameters, body, ...one }: Operation): Json {
  const what = part === undefined ? main.kind : `${part} of a ${main.kind}`;
  const unique = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const operation: Json = {
    description: `${action} ${what}`,
    operationId: `${action}${path.replace(/[^A-Za-z0-9]+(.)?/g, (_, next: string = "") => next.toUpperCase())}`,
    tags: [groupVersionPath(main).slice(1).replaceAll("/", "_")],
    parameters: [...unique.values()].map(queryParameter),
    responses: responses(kind, one),
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": { group: kind.group, version: kind.version, kind: kind.kind },
  };
  if (body !== undefined)
    operation["requestBody"] = { required: body !== "options", content: bodyContent(kind, body) };
  return operation;
}

function responses(kind: Kind, one: Pick<Operation, "verb" | "answer">): Json {
  const content = answerContent(kind, answerSchema(kind, one));
  const all: Json = { "200": { description: "OK", content }, "401": { description: "Unauthorized" } };
  if (["create", "update", "patch"].includes(one.verb)) all["201"] = { description: "Created", content };
  return all;
}

/** A body in every form that the kind is answered in. */
function answerContent(kind: Kind, schema: Json): Json {
  const types = ["application/json", "application/yaml"];
  if (kind.protobuf !== false) types.push("application/vnd.kubernetes.protobuf");
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

function queryParameter({ name, type, description }: Parameter): Json {
  return { name, in: "query", description, schema: { type, uniqueItems: true } };
}

function answerSchema(kind: Kind, { answer }: Pick<Operation, "answer">): Json {
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
    [...types.map((type) => `application/${type}+json`), "application/apply-patch+yaml"].map((type) => [
      type,
      { schema: reference(PATCH_SCHEMA) },
    ]),
  );
}
