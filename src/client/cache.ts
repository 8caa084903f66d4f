/** Objects of one kind by name and by what index functions find in them. */
import type { KubeObject } from "../api/meta/type.ts";
import { keyOf, keyText, type ObjectKeyText } from "./object-key.ts";

/** The values under which an object is found. The same object gives the same values. */
export type IndexFunction<T> = (object: T) => readonly string[];

/** Reading a cache. Everything handed out is shared: not to be mutated. Maps are live views, in order of arrival. */
export interface Lister<T extends KubeObject, I extends string = never> {
  get(namespace: string | undefined, name: string): T | undefined;
  getByKey(key: ObjectKeyText): T | undefined;
  /** All objects by key. */
  list(): ReadonlyMap<ObjectKeyText, T>;
  /** The objects whose index function gave `value`, by key. */
  byIndex(index: I, value: string): ReadonlyMap<ObjectKeyText, T>;
}

const NONE: ReadonlyMap<string, never> = new Map<string, never>();

export class ObjectCache<T extends KubeObject, I extends string = never> implements Lister<T, I> {
  readonly #objects = new Map<ObjectKeyText, T>();
  readonly #indexes = new Map<
    I,
    { readonly of: IndexFunction<T>; readonly values: Map<string, Map<ObjectKeyText, T>> }
  >();

  constructor(indexes: Readonly<Record<I, IndexFunction<T>>>) {
    for (const [name, of] of Object.entries(indexes) as [I, IndexFunction<T>][])
      this.#indexes.set(name, { of, values: new Map() });
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(keyText(namespace, name));
  }

  getByKey(key: ObjectKeyText): T | undefined {
    return this.#objects.get(key);
  }

  list(): ReadonlyMap<ObjectKeyText, T> {
    return this.#objects;
  }

  byIndex(index: I, value: string): ReadonlyMap<ObjectKeyText, T> {
    return this.#indexes.get(index)!.values.get(value) ?? NONE;
  }

  /** Adds or replaces. */
  set(object: T): void {
    const key = keyOf(object);
    this.#unindex(key);
    this.#objects.set(key, object);
    for (const { of, values } of this.#indexes.values())
      for (const value of of(object)) {
        let found = values.get(value);
        if (found === undefined) values.set(value, (found = new Map()));
        found.set(key, object);
      }
  }

  delete(key: ObjectKeyText): void {
    this.#unindex(key);
    this.#objects.delete(key);
  }

  #unindex(key: ObjectKeyText): void {
    const old = this.#objects.get(key);
    if (old === undefined) return;
    for (const { of, values } of this.#indexes.values())
      for (const value of of(old)) {
        const found = values.get(value);
        found?.delete(key);
        if (found?.size === 0) values.delete(value);
      }
  }
}
