/** What a request is about, by its method and path alone (apiserver endpoints/request requestinfo.go). */

/** audit.k8s.io/v1 ObjectReference. */
export interface ObjectReference {
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly apiGroup?: string;
  readonly apiVersion: string;
  readonly subresource?: string;
}

/** What stands after a namespace's name and is a part of the namespace, not a resource in it. */
const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(["status", "finalize"]);

/** Undefined if the path is none of a resource. */
export function objectReferenceOf(path: string): ObjectReference | undefined {
  const [root, ...rest] = path.split("/").filter((part) => part !== "");
  const apiGroup = root === "apis" ? rest.shift() : undefined;
  if (root !== "api" && apiGroup === undefined) return undefined;
  const apiVersion = rest.shift();
  let parts = rest.map(decoded);
  if (apiVersion === undefined || parts.length === 0) return undefined;
  let namespace: string | undefined;
  if (parts[0] === "namespaces" && parts.length > 1) {
    namespace = parts[1];
    if (parts.length > 2 && !NAMESPACE_SUBRESOURCES.has(parts[2]!)) parts = parts.slice(2);
  }
  const [resource, name, subresource] = parts;
  return {
    resource: resource!,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(apiGroup !== undefined && { apiGroup }),
    apiVersion,
    ...(subresource !== undefined && { subresource }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // The request is refused, but the audit still says what it was.
    return text;
  }
}

const VERBS: Readonly<Record<string, string>> = {
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/** The API's word for a method; of a path that is no resource the method itself, in lower case. */
export function verbOf(method: string, object: ObjectReference | undefined): string {
  if (object === undefined) return method.toLowerCase();
  const verb = VERBS[method] ?? method.toLowerCase();
  return verb === "delete" && object.name === undefined ? "deletecollection" : verb;
}
