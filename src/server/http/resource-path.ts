/** What a path names: a collection, an object or a part of one (apiserver endpoints/request RequestInfo). */
import type { Kind } from "../../api/kind.ts";

export interface ResourcePath {
  readonly kind: Kind;
  readonly namespace?: string;
  /** Absent: the collection. */
  readonly name?: string;
  readonly subresource?: string;
}

export class ResourcePaths {
  readonly #kinds = new Map<string, Kind>();

  constructor(kinds: readonly Kind[]) {
    for (const kind of kinds) this.#kinds.set(`${kind.group}/${kind.version}/${kind.plural}`, kind);
  }

  /** Undefined if the path names nothing that is served. */
  resolve(path: string): ResourcePath | undefined {
    const parts = path.split("/").slice(1);
    const [root, ...rest] = parts;
    if (root !== "api" && root !== "apis") return undefined;
    const group = root === "api" ? "" : rest.shift();
    const version = rest.shift();
    if (rest.at(-1) === "") rest.pop();
    let segments: string[];
    try {
      segments = rest.map(decodeURIComponent);
    } catch {
      // Not percent-encoding: no such path.
      return undefined;
    }
    // Neither is there anything without a name, or with a slash in it: what was "%2F" must not become a separator later.
    if (segments.some((segment) => segment === "" || segment.includes("/"))) return undefined;
    const find = (plural: string | undefined): Kind | undefined =>
      this.#kinds.get(`${group}/${version}/${plural}`);
    const scoped = find(segments[2]);
    if (segments[0] === "namespaces" && scoped?.namespaced === true)
      return at(scoped, segments.slice(3), segments[1]);
    const kind = find(segments[0]);
    return kind === undefined ? undefined : at(kind, segments.slice(1));
  }
}

function at(kind: Kind, segments: readonly string[], namespace?: string): ResourcePath | undefined {
  const [name, subresource] = segments;
  if (segments.length > 2) return undefined;
  // An object of a namespaced kind is found through its namespace only.
  if (kind.namespaced && namespace === undefined && name !== undefined) return undefined;
  return {
    kind,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(subresource !== undefined && { subresource }),
  };
}
