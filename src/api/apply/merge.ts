/** A live object with what is applied put over it (structured-merge-diff typed/merge.go). */
import type { PathElement } from "./path-element.ts";
import { isMap, itemElement, itemShape, partShape, type Shape } from "./shape.ts";

/**
 * `applied` wins where it says something; null in it is a value. Neither is changed; parts that are taken are shared.
 * `applied` has been checked: no element of a list occurs twice in it. Undefined if nothing is left.
 */
export function merge(shape: Shape, live: unknown, applied: unknown): unknown {
  if (applied === undefined) return live;
  if (live === undefined) return applied;
  switch (shape.type) {
    case "set":
    case "listMap": {
      const [left, right] = [listOf(live), listOf(applied)];
      return left.length === 0 && right.length === 0 ? applied : mergeLists(shape, left, right);
    }
    case "map":
    case "struct":
    case "free": {
      if (shape.type === "free" && !(isMap(live) && isMap(applied))) return applied;
      const [left, right] = [mapOf(live), mapOf(applied)];
      return isEmpty(left) && isEmpty(right) ? applied : mergeMaps(shape, left, right);
    }
    default:
      return applied;
  }
}

function mergeMaps(
  shape: Shape & { type: "map" | "struct" | "free" },
  live: Record<string, unknown>,
  applied: Record<string, unknown>,
): unknown {
  const entries: [string, unknown][] = [];
  for (const key of new Set([...Object.keys(live), ...Object.keys(applied)])) {
    const part = partShape(shape, key);
    const value =
      part === undefined
        ? (own(applied, key) ?? own(live, key))
        : merge(part, own(live, key), own(applied, key));
    if (value !== undefined) entries.push([key, value]);
  }
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

/**
 * The applied elements come in their own order, and each that only the live list has stays behind the elements that it
 * was behind. Elements that the live list has several times are replaced by the applied one, and kept if there is none.
 */
function mergeLists(
  shape: Shape & { type: "set" | "listMap" },
  live: readonly unknown[],
  applied: readonly unknown[],
): unknown {
  const left = indexed(shape, live);
  const right = indexed(shape, applied);
  const leftOnce = once(left);
  const rightOnce = once(right);
  const items = itemShape(shape);
  const shared = right.filter(({ element }) => leftOnce.has(element)).map(({ element }) => element);
  let nextShared = shared.shift();
  const merged: unknown[] = [];
  const taken = new Set<PathElement>();
  const take = (element: PathElement): void => {
    taken.add(element);
    const value = merge(items, leftOnce.get(element)?.item, rightOnce.get(element)?.item);
    if (value !== undefined) merged.push(value);
  };
  for (let l = 0, r = 0; l < left.length || r < right.length;) {
    const mine = left[l];
    const theirs = right[r];
    if (mine !== undefined && theirs !== undefined) {
      if (mine.element === theirs.element) {
        take(mine.element);
        l++;
        r++;
        nextShared = shared.shift();
        continue;
      }
      if (rightOnce.has(mine.element) && nextShared !== undefined && nextShared !== mine.element) {
        // In both, but another one comes first.
        l++;
        continue;
      }
    }
    if (mine !== undefined) {
      if (!rightOnce.has(mine.element)) {
        merged.push(mine.item);
        l++;
        continue;
      }
      if (taken.has(mine.element)) l++;
    }
    if (theirs !== undefined) {
      take(theirs.element);
      r++;
      if (nextShared === theirs.element) nextShared = shared.shift();
    }
  }
  return merged.length > 0 ? merged : undefined;
}

interface Item {
  readonly element: PathElement;
  readonly item: unknown;
}

function indexed(shape: Shape & { type: "set" | "listMap" }, list: readonly unknown[]): Item[] {
  return list.flatMap((item) => {
    const place = itemElement(shape, item);
    return "element" in place ? [{ element: place.element, item }] : [];
  });
}

/** By element; of what occurs twice there is nothing to merge with. */
function once(items: readonly Item[]): Map<PathElement, { readonly item: unknown }> {
  const found = new Map<PathElement, { readonly item: unknown }>();
  for (const { element, item } of items) found.set(element, { item: found.has(element) ? undefined : item });
  return found;
}

function own(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

const NOTHING: Record<string, unknown> = Object.freeze({});

function mapOf(value: unknown): Record<string, unknown> {
  return isMap(value) ? value : NOTHING;
}

function isEmpty(map: Record<string, unknown>): boolean {
  return Object.keys(map).length === 0;
}
