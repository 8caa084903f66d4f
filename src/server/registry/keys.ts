/** Where an object lives in the store: `/registry/<group or "core">/<plural>/[<namespace>/]<name>`. */
import type { Kind, KindName } from "../../api/kind.ts";
import type { ObjectKey } from "../registry.ts";

export const ROOT = "/registry/";

/** The prefix of all objects of a kind, or of those in one namespace. */
export function keyPrefix({ group, plural, namespaced }: KindName, namespace?: string): string {
  const prefix = `${ROOT}${group === "" ? "core" : group}/${plural}/`;
  return namespaced && namespace !== undefined && namespace !== "" ? `${prefix}${namespace}/` : prefix;
}

export function storeKey(kind: KindName, { namespace, name }: ObjectKey): string {
  return `${keyPrefix(kind, namespace)}${name}`;
}

/** Finds the kind of a key. */
export class KindsByKey {
  readonly #kinds = new Map<string, Kind>();

  constructor(kinds: readonly Kind[]) {
    for (const kind of kinds) this.#kinds.set(keyPrefix(kind), kind);
  }

  /** Undefined for a key of another version of this program. */
  kind(key: string): Kind | undefined {
    // After "/registry/" come the group and the plural, each ended by a slash.
    const end = key.indexOf("/", key.indexOf("/", ROOT.length) + 1) + 1;
    return this.#kinds.get(key.slice(0, end));
  }
}
