/**
 * The kinds that are served at this moment. Most are built in (kinds.ts); CustomResourceDefinitions add and remove some
 * while the server runs, so whoever derives something from the kinds derives it through here.
 */
import type { Kind } from "./kind.ts";

export interface KindCatalog {
  /** In the order of discovery. Never mutated: after a change this is another array. */
  readonly kinds: readonly Kind[];
  /** Calls `onChange` after every change, until disposed. */
  subscribe(onChange: () => void): Disposable;
}

/** A catalog whose kinds its owner sets. */
export class ChangingCatalog implements KindCatalog {
  #kinds: readonly Kind[];
  readonly #listeners = new Set<() => void>();

  constructor(kinds: readonly Kind[]) {
    this.#kinds = kinds;
  }

  get kinds(): readonly Kind[] {
    return this.#kinds;
  }

  /** Puts `kinds` in the place of all that were there. The array must not be mutated any more. */
  replace(kinds: readonly Kind[]): void {
    this.#kinds = kinds;
    for (const listener of this.#listeners) listener();
  }

  subscribe(onChange: () => void): Disposable {
    // A function of its own for each subscription, so that one who subscribes twice is called twice.
    const listener = (): void => onChange();
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}

/** A catalog that never changes. */
export function fixedCatalog(kinds: readonly Kind[]): KindCatalog {
  return { kinds, subscribe: () => ({ [Symbol.dispose]() {} }) };
}

/** What `make` makes of the kinds: made when it is first asked for, and again when it is asked for after a change. */
export function derivedFrom<T>(
  catalog: Pick<KindCatalog, "kinds">,
  make: (kinds: readonly Kind[]) => T,
): () => T {
  let last: { readonly of: readonly Kind[]; readonly value: T } | undefined;
  return () => {
    const { kinds } = catalog;
    if (last?.of !== kinds) last = { of: kinds, value: make(kinds) };
    return last.value;
  };
}
