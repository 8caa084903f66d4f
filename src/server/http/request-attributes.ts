/**
 * What a request asks for in the words of authorization (apiserver pkg/endpoints/request RequestInfoFactory). For a
 * path that is served they are made of the very parts that its handler uses, so that what is allowed is what is done.
 */
import { parseFieldSelector } from "../../api/selector/field-selector.ts";
import { SelectorError } from "../../api/selector/label-selector.ts";
import { pathSegmentComplaints } from "../../api/validation/names.ts";
import type { Attributes, ResourceAttributes } from "../authorization/attributes.ts";
import type { Request } from "./exchange.ts";
import { boolean } from "./query-options.ts";
import type { ResourcePath } from "./resource-path.ts";

type Asked = Pick<Request, "method" | "path" | "query">;

/** `resource` is what the path names, if it is served. */
export function attributesOf(request: Asked, resource: ResourcePath | undefined): Attributes {
  if (resource === undefined)
    return unservedResource(request) ?? { verb: request.method.toLowerCase(), path: request.path };
  const { kind, namespace, name, subresource } = resource;
  const { group, version, plural } = kind;
  return named(request, {
    group,
    version,
    resource: plural,
    subresource: subresource ?? "",
    // A namespace is in itself: a Role there may allow to read it.
    namespace: namespace ?? (group === "" && plural === "namespaces" ? (name ?? "") : ""),
    name: name ?? "",
  });
}

/** Something under /api or /apis that would be a resource: who may not see it is told so before it is a 404. */
function unservedResource(request: Asked): ResourceAttributes | undefined {
  let [root, ...rest] = segmentsOf(request.path);
  if (root !== "api" && root !== "apis") return undefined;
  const group = root === "api" ? "" : (rest.shift() ?? "");
  const version = rest.shift() ?? "";
  if (rest.length === 0) return undefined;
  let namespace = "";
  if (rest[0] === "namespaces" && rest.length > 1) {
    namespace = rest[1]!;
    if (rest.length > 2 && rest[2] !== "status" && rest[2] !== "finalize") rest = rest.slice(2);
  }
  const [resource = "", name = "", subresource = ""] = rest;
  return named(request, { group, version, resource, subresource, namespace, name });
}

function segmentsOf(path: string): string[] {
  return path
    .split("/")
    .filter((segment) => segment !== "")
    .map((segment) => {
      try {
        return decodeURIComponent(segment);
      } catch {
        // Not percent-encoding: nothing of that name is served.
        return segment;
      }
    });
}

const VERBS: Readonly<Record<string, string>> = {
  GET: "get",
  HEAD: "get",
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/** With the verb; and with the name of the one object that a list or watch can show. */
function named({ method, query }: Asked, target: Omit<ResourceAttributes, "verb">): ResourceAttributes {
  // Another method is no verb that a rule could name, but "*".
  const verb = VERBS[method] ?? "";
  if (target.name !== "") return { verb, ...target };
  if (verb === "delete") return { verb: "deletecollection", ...target };
  if (verb !== "get") return { verb, ...target };
  const name = onlyName(query.get("fieldSelector") ?? "");
  return { verb: boolean(query, "watch") === true ? "watch" : "list", ...target, name };
}

/** The name that a field selector asks for: "a" of "metadata.name=a"; "" if it leaves others possible. */
function onlyName(selector: string): string {
  try {
    const term = parseFieldSelector(selector).find(
      ({ field, operator }) => field === "metadata.name" && operator === "=",
    );
    return term === undefined || pathSegmentComplaints(term.value).length > 0 ? "" : term.value;
  } catch (error) {
    // The handler refuses it; until then it asks for everything.
    if (error instanceof SelectorError) return "";
    throw error;
  }
}
