/** Which verbs and subresources a kind is served with: the one answer for routing, discovery and OpenAPI. */
import { apiVersionOf, type Kind, type Verb } from "./kind.ts";
import { scaleKind } from "./scale/kind.ts";

const EVERY_VERB: readonly Verb[] = [
  "create",
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "update",
  "watch",
];
const READ_WRITE: readonly Verb[] = ["get", "patch", "update"];

export interface ServedSubresource {
  /** "status", "scale", "token". */
  readonly name: string;
  /** The kind of what is sent and answered: the main one for status. */
  readonly kind: Kind;
  /** In alphabetical order. */
  readonly verbs: readonly Verb[];
}

/** The verbs of the main resource, in alphabetical order. */
export function verbsOf(kind: Kind): readonly Verb[] {
  if (kind.verbs !== undefined) return kind.verbs.toSorted();
  // Namespaces go one at a time (pkg/registry/core/namespace/storage has no CollectionDeleter).
  return isNamespace(kind) ? EVERY_VERB.filter((verb) => verb !== "deletecollection") : EVERY_VERB;
}

/** Whether objects of the kind are kept, and not only answered once (reviews). */
export function isStored(kind: Kind): boolean {
  return verbsOf(kind).includes("get");
}

const known = new WeakMap<Kind, readonly ServedSubresource[]>();

/** In order of name. The same array for every call. */
export function subresourcesOf(kind: Kind): readonly ServedSubresource[] {
  let served = known.get(kind);
  if (served === undefined) {
    const { status, scale, others = [] } = kind.subresources;
    const all: ServedSubresource[] = others.map(({ name, kind: its, verbs }) => ({
      name,
      kind: its,
      verbs: verbs.toSorted(),
    }));
    if (status === true) all.push({ name: "status", kind, verbs: READ_WRITE });
    if (scale !== undefined) all.push({ name: "scale", kind: scaleKind, verbs: READ_WRITE });
    if (isNamespace(kind)) all.push({ name: "finalize", kind, verbs: ["update"] });
    served = all.sort((a, b) => (a.name < b.name ? -1 : 1));
    known.set(kind, served);
  }
  return served;
}

/** One of them. Throws TypeError if the kind has none of that name. */
export function subresourceOf(kind: Kind, name: string): ServedSubresource {
  const found = subresourcesOf(kind).find((one) => one.name === name);
  if (found === undefined) throw new TypeError(`${kind.plural} have no subresource ${JSON.stringify(name)}`);
  return found;
}

function isNamespace(kind: Kind): boolean {
  return apiVersionOf(kind) === "v1" && kind.plural === "namespaces";
}
