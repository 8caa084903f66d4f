/** Where an object lives in the store: `/registry/<group or "core">/<plural>/[<namespace>/]<name>`. */
import type { Kind, KindName } from "../../api/kind.ts";
import type { ObjectKey } from "../registry.ts";

export const ROOT = "/registry/";

/** The name of a kind, and whose objects its own are where it is a view of another one. */
export interface StoredName extends KindName {
  readonly view?: { readonly of: KindName };
}

/** The prefix of all objects of a kind, or of those in one namespace. Those of a view are where they are stored. */
export function keyPrefix(kind: StoredName, namespace?: string): string {
  const { group, plural, namespaced } = kind.view?.of ?? kind;
  const prefix = `${ROOT}${group === "" ? "core" : group}/${plural}/`;
  return namespaced && namespace !== undefined && namespace !== "" ? `${prefix}${namespace}/` : prefix;
}

export function storeKey(kind: StoredName, { namespace, name }: ObjectKey): string {
  return `${keyPrefix(kind, namespace)}${name}`;
}

/** Finds the kind that a key's object is stored as: never a view of it. */
export class KindsByKey {
  readonly #kinds = new Map<string, Kind>();

  constructor(kinds: readonly Kind[]) {
    for (const kind of kinds) if (kind.view === undefined) this.#kinds.set(keyPrefix(kind), kind);
  }

  /** Undefined for a key of another version of this program. */
  kind(key: string): Kind | undefined {
    // After "/registry/" come the group and the plural, each ended by a slash.
    const end = key.indexOf("/", key.indexOf("/", ROOT.length) + 1) + 1;
    return this.#kinds.get(key.slice(0, end));
  }
}
