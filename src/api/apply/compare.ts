/** What differs between two objects of a kind, as sets of fields (structured-merge-diff typed/compare.go). */
import { type FieldSet, graft, insertPath, type MutableFieldSet } from "./field-set.ts";
import { jsonEqual } from "./json-equal.ts";
import { fieldElement, type PathElement, SELF } from "./path-element.ts";
import { isMap, itemElement, itemShape, partShape, type Shape } from "./shape.ts";

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** Neither value is changed. Lists may have elements twice: a client can have written such an object by update. */
export function compare(shape: Shape, before: unknown, after: unknown): Comparison {
  const comparer = new Comparer();
  comparer.value(shape, before, after);
  return comparer;
}

class Comparer implements Comparison {
  readonly added: MutableFieldSet = {};
  readonly modified: MutableFieldSet = {};
  readonly removed: MutableFieldSet = {};
  readonly #path: PathElement[] = [];

  /** At least one of the two is there; undefined is absence, null a value. */
  value(shape: Shape, before: unknown, after: unknown): void {
    if (before === after) return;
    if (before === undefined && this.#path.length > 0) {
      graft(this.added, this.#path, allOf(shape, after));
      return;
    }
    switch (shape.type) {
      case "scalar":
      case "atomic":
        this.#leaf(before, after);
        return;
      case "set":
      case "listMap": {
        const [left, right] = [listOf(before), listOf(after)];
        // Both empty: one thing, so that null, nothing and [] can be told apart.
        if (left.length === 0 && right.length === 0) this.#leaf(before, after);
        else {
          this.#items(shape, left, right);
          this.#itself(before, after);
        }
        return;
      }
      default: {
        const [left, right] = [mapOf(before), mapOf(after)];
        if (isEmpty(left) && isEmpty(right)) this.#leaf(before, after);
        else {
          this.#parts(shape, left, right);
          this.#itself(before, after);
          // Free JSON may turn from an object into something else.
          if (shape.type === "free" && isThere(before) && isThere(after) && isMap(before) !== isMap(after))
            insertPath(this.modified, this.#path);
        }
      }
    }
  }

  #leaf(before: unknown, after: unknown): void {
    if (before === undefined || after === undefined) this.#itself(before, after);
    else if (!jsonEqual(before, after)) insertPath(this.modified, this.#path);
  }

  #itself(before: unknown, after: unknown): void {
    if (this.#path.length === 0) return;
    if (before === undefined) insertPath(this.added, this.#path);
    else if (after === undefined) insertPath(this.removed, this.#path);
  }

  #parts(
    shape: Shape & { type: "map" | "struct" | "free" },
    before: Record<string, unknown>,
    after: Record<string, unknown>,
  ): void {
    for (const key of Object.keys(after)) {
      const old = Object.hasOwn(before, key) ? before[key] : undefined;
      this.#descend(partShape(shape, key), fieldElement(key), old, after[key]);
    }
    for (const key of Object.keys(before))
      if (!Object.hasOwn(after, key))
        this.#descend(partShape(shape, key), fieldElement(key), before[key], undefined);
  }

  #descend(shape: Shape | undefined, element: PathElement, before: unknown, after: unknown): void {
    if (shape === undefined || (before === undefined && after === undefined)) return;
    this.#path.push(element);
    this.value(shape, before, after);
    this.#path.pop();
  }

  #items(
    shape: Shape & { type: "set" | "listMap" },
    before: readonly unknown[],
    after: readonly unknown[],
  ): void {
    const left = byElement(shape, before);
    const right = byElement(shape, after);
    const items = itemShape(shape);
    for (const element of new Set([...left.keys(), ...right.keys()])) {
      const [old = [], now = []] = [left.get(element), right.get(element)];
      // What is there several times has one owner: of the fact that it is.
      if (old.length > 1 && now.length > 1) {
        if (!jsonEqual(old, now)) insertPath(this.modified, [...this.#path, element]);
      } else if (old.length > 1) {
        if (now.length > 0) this.#descend(items, element, undefined, now[0]);
        insertPath(this.removed, [...this.#path, element]);
      } else if (now.length > 1) {
        if (old.length > 0) this.#descend(items, element, old[0], undefined);
        insertPath(this.added, [...this.#path, element]);
      } else this.#descend(items, element, old[0], now[0]);
    }
  }
}

function byElement(
  shape: Shape & { type: "set" | "listMap" },
  list: readonly unknown[],
): Map<PathElement, unknown[]> {
  const found = new Map<PathElement, unknown[]>();
  for (const item of list) {
    const place = itemElement(shape, item);
    // What has no keys cannot be owned; validation has something to say about it.
    if ("complaint" in place) continue;
    const same = found.get(place.element);
    if (same === undefined) found.set(place.element, [item]);
    else same.push(item);
  }
  return found;
}

/**
 * The set of a value that was not there before, as a node to be put in its place: what {@link Comparer} would find, in one
 * walk. Most of what is written is new.
 */
function allOf(shape: Shape, value: unknown): MutableFieldSet {
  const node: MutableFieldSet = {};
  switch (shape.type) {
    case "scalar":
    case "atomic":
      return node;
    case "set":
    case "listMap": {
      const items = itemShape(shape);
      // Of what is there several times, the fact that it is.
      for (const [element, [item, ...more]] of byElement(shape, listOf(value)))
        node[element] = more.length > 0 ? {} : allOf(items, item);
      break;
    }
    default: {
      const map = mapOf(value);
      for (const key of Object.keys(map)) {
        const part = map[key] === undefined ? undefined : partShape(shape, key);
        if (part !== undefined) node[fieldElement(key)] = allOf(part, map[key]);
      }
    }
  }
  // The value itself, beside its parts.
  if (!isEmpty(node)) node[SELF] = {};
  return node;
}

const NOTHING: Record<string, unknown> = Object.freeze({});

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function mapOf(value: unknown): Record<string, unknown> {
  return isMap(value) ? value : NOTHING;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function isEmpty(map: Record<string, unknown>): boolean {
  for (const _ in map) return false;
  return true;
}
