/**
 * The old way to ask for a watch, by a path instead of a parameter: `/api/v1/watch/namespaces/x/services`. Deprecated
 * since Kubernetes 1.11 and still served; the Ruby client and others know no other.
 */
import type { Request } from "./exchange.ts";

const WATCH_PATH = /^(\/api\/[^/]+|\/apis\/[^/]+\/[^/]+)\/watch(\/.+)$/;
/** The rest of the path, where it names one object: `/namespaces/x/services/web`, `/nodes/n1`. */
const NAMED = /^((?:\/namespaces\/[^/]+)?\/[^/]+)\/([^/]+)\/?$/;
/** Under it stand collections, so that it is no name of a collection with a name after it. */
const COLLECTION_IN_NAMESPACE = /^\/namespaces\/[^/]+\/[^/]+\/?$/;

/** The same request by parameters, if it is one by path. */
export function watchByParameter<R extends Pick<Request, "path" | "query" | "method">>(request: R): R {
  const match = WATCH_PATH.exec(request.path);
  if (match === null || request.method !== "GET") return request;
  const [, root, rest] = match as unknown as [string, string, string];
  const query = new URLSearchParams(request.query);
  query.set("watch", "true");
  const named = COLLECTION_IN_NAMESPACE.test(rest) ? null : NAMED.exec(rest);
  if (named === null) return { ...request, path: root + rest, query };
  const [, collection, name] = named as unknown as [string, string, string];
  const selector = query.get("fieldSelector");
  const one = `metadata.name=${name}`;
  query.set("fieldSelector", selector === null || selector === "" ? one : `${selector},${one}`);
  return { ...request, path: root + collection, query };
}
