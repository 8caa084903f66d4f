/**
 * What has to change in a set of intervals. Whole intervals are deleted and added, the lowest first and each start before
 * its end: once a start is deleted, the kernel finds only that interval's own end (Linux 6.18, nft_set_rbtree.c: ENOENT
 * for another), and dumps come the other way round.
 */
import type { SetElement } from "../../net/nftables/model.ts";
import { elementKey, elementOfKey } from "./kernel-state.ts";

export interface ElementChanges {
  readonly remove: readonly SetElement[];
  readonly add: readonly SetElement[];
  /** Of the elements: those that are there and stay. */
  readonly kept: number;
  /** Of the elements: those that are removed and added again: with other data, or the other end of their interval. */
  readonly replaced: number;
}

/** From the elements that should be there and the texts (elementKey) of those that are. */
export function intervalChanges(want: readonly SetElement[], have: Iterable<string>): ElementChanges {
  const wanted = intervals(want);
  const found = intervals([...have].map(elementOfKey));
  const remove = [...found].filter(([name]) => !wanted.has(name)).flatMap(([, elements]) => elements);
  const add = [...wanted].filter(([name]) => !found.has(name)).flatMap(([, elements]) => elements);
  const removed = new Set(remove.map(elementKey));
  const replaced = add.filter((element) => removed.has(elementKey(element))).length;
  return { remove, add, kept: want.length - add.length, replaced };
}

/**
 * The intervals in ascending order, each by a name. One up to the last key of all has no end; and nft marks the lowest
 * key with an end that has no start.
 */
function intervals(elements: readonly SetElement[]): Map<string, readonly SetElement[]> {
  const result: SetElement[][] = [];
  for (const element of elements.toSorted(compareBorders)) {
    const last = result.at(-1);
    if (element.intervalEnd === true && last?.length === 1 && last[0]?.intervalEnd !== true)
      last.push(element);
    else result.push([element]);
  }
  return new Map(result.map((interval) => [interval.map(elementKey).join(" "), interval]));
}

/** Where one interval touches the next, the end of the one comes before the start of the other. */
function compareBorders(a: SetElement, b: SetElement): number {
  return Buffer.compare(a.key, b.key) || rank(a) - rank(b);
}

function rank({ intervalEnd }: SetElement): number {
  return intervalEnd === true ? 0 : 1;
}
