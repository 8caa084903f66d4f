/** The order of a merged list: what the patch names comes in the patch's order, the rest keeps its place. */
import { isObject } from "./merge-patch.ts";

/** What tells elements apart: the merge key's value, or the element itself where there is no key. */
export function identityOf(element: unknown, key: string | undefined): string {
  return JSON.stringify((key !== undefined && isObject(element) ? element[key] : element) ?? null);
}

/** Where each element of a list is, by identity; the first of equals. */
export function positionsIn(list: readonly unknown[], key: string | undefined): ReadonlyMap<string, number> {
  const positions = new Map<string, number>();
  for (const [at, element] of list.entries()) {
    const identity = identityOf(element, key);
    if (!positions.has(identity)) positions.set(identity, at);
  }
  return positions;
}

/** The elements in the order of `positions`; those it does not have go last, as they were. */
function ordered(
  elements: readonly unknown[],
  positions: ReadonlyMap<string, number>,
  key: string | undefined,
): unknown[] {
  return elements
    .map((element) => ({ element, rank: positions.get(identityOf(element, key)) ?? positions.size }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ element }) => element);
}

/**
 * Interleaves the elements that `order` names, in its order, with the rest, in the order of `before` (the list as it was).
 * A new element comes before the old ones it could be compared with, which is why a container that kubectl patch adds
 * ends up first.
 */
export function keepingOrder(
  merged: readonly unknown[],
  order: readonly unknown[],
  before: readonly unknown[],
  key: string | undefined,
): unknown[] {
  const wanted = positionsIn(order, key);
  const previous = positionsIn(before, key);
  const isNamed = (element: unknown): boolean => wanted.has(identityOf(element, key));
  const named = ordered(merged.filter(isNamed), wanted, key);
  const rest = ordered(
    merged.filter((element) => !isNamed(element)),
    previous,
    key,
  );
  const result: unknown[] = [];
  let i = 0;
  let j = 0;
  while (i < rest.length && j < named.length) {
    const left = previous.get(identityOf(rest[i], key));
    const right = previous.get(identityOf(named[j], key));
    if (left !== undefined && right !== undefined && left < right) result.push(rest[i++]);
    else result.push(named[j++]);
  }
  return [...result, ...rest.slice(i), ...named.slice(j)];
}
