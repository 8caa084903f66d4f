/** Who depends on whom (metadata.ownerReferences): an index from owner to dependents, kept from the store's events. */
import type { Kind } from "../../api/kind.ts";
import type { KubeObject, OwnerReference } from "../../api/meta/type.ts";

export interface Dependent {
  readonly kind: Kind;
  /** Where it is in the store. */
  readonly key: string;
  readonly references: readonly OwnerReference[];
  /** It goes in the foreground: once its own dependents have gone. */
  readonly waits: boolean;
}

export class Ownership {
  readonly #dependents = new Map<string, Dependent>();
  readonly #byOwner = new Map<string, Set<string>>();

  all(): Iterable<Dependent> {
    return this.#dependents.values();
  }

  get(key: string): Dependent | undefined {
    return this.#dependents.get(key);
  }

  /** What says that the object with this uid owns it. */
  of(uid: string): Dependent[] {
    return [...(this.#byOwner.get(uid) ?? [])].map((key) => this.#dependents.get(key)!);
  }

  /** Takes over the references of an object; returns what was known of it before. */
  set(kind: Kind, key: string, { metadata }: KubeObject, waits: boolean): Dependent | undefined {
    const before = this.delete(key);
    const references = metadata.ownerReferences ?? [];
    if (references.length === 0) return before;
    this.#dependents.set(key, { kind, key, references, waits });
    for (const { uid } of references) {
      const keys = this.#byOwner.get(uid);
      if (keys === undefined) this.#byOwner.set(uid, new Set([key]));
      else keys.add(key);
    }
    return before;
  }

  delete(key: string): Dependent | undefined {
    const before = this.#dependents.get(key);
    if (before === undefined) return undefined;
    for (const { uid } of before.references) {
      const keys = this.#byOwner.get(uid);
      keys?.delete(key);
      if (keys?.size === 0) this.#byOwner.delete(uid);
    }
    this.#dependents.delete(key);
    return before;
  }
}
