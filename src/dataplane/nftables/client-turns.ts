/**
 * Whom the next new clients get, with least clients: a ring of turns, through which packets go one after the other.
 *
 * The kernel cannot compare counts; but what it would do can be said beforehand. The ring holds the endpoints in the order in
 * which new clients would choose them if nothing else happened: first those that have fewer, until all are level, then each
 * in turn by its weight. As long as clients only come, it stays right by itself, also without anybody who counts.
 */
import type { ClientShare, ClientTurns } from "./choice.ts";
import { ringLength } from "./pickers.ts";

/**
 * The names that `length` new clients in a row get: each that of the endpoint with the fewest clients for its weight, of equals
 * the first.
 */
export function clientTurns(
  shares: readonly ClientShare[],
  counts: ReadonlyMap<number, number>,
  length: number,
): number[] {
  const heap = shares.map(({ name, weight }, order): Turn => {
    const clients = counts.get(name) ?? 0;
    return { name, weight, order, clients };
  });
  for (let at = (heap.length >> 1) - 1; at >= 0; at--) sink(heap, at);
  return Array.from({ length }, () => {
    const first = heap[0]!;
    first.clients++;
    sink(heap, 0);
    return first.name;
  });
}

interface Turn extends ClientShare {
  readonly order: number;
  clients: number;
}

/** Whole numbers are compared, so that equals are equal. */
function isBefore(a: Turn, b: Turn): boolean {
  const difference = a.clients * b.weight - b.clients * a.weight;
  return difference < 0 || (difference === 0 && a.order < b.order);
}

/** Puts what is at `at` in its place among those below it. */
function sink(heap: Turn[], at: number): void {
  for (;;) {
    let least = at;
    for (const child of [2 * at + 1, 2 * at + 2])
      if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
    if (least === at) return;
    [heap[at], heap[least]] = [heap[least]!, heap[at]!];
    at = least;
  }
}

/** `turns` as they are found in a ring whose next turn is `next`. */
export function ringFrom(turns: readonly number[], next: number): number[] {
  const ring: number[] = [];
  for (const [index, name] of turns.entries()) ring[(next + index) % turns.length] = name;
  return ring;
}

/** Whether the ring has whole turns of these endpoints and of no others. */
export function isRingOf(
  ring: readonly (number | undefined)[],
  shares: readonly ClientShare[],
  length: number,
): ring is readonly number[] {
  if (ring.length !== length) return false;
  const names = new Set(shares.map(({ name }) => name));
  for (let at = 0; at < length; at++) if (!names.has(ring[at]!)) return false;
  return true;
}

/** Whether all have the same of the turns, whichever is the next: nothing but whole rounds, from any turn of one on. */
export function isEven(ring: readonly number[], shares: readonly ClientShare[]): boolean {
  const even = clientTurns(shares, new Map(), ring.length);
  const round = shares.reduce((sum, { weight }) => sum + weight, 0);
  for (let from = 0; from < round; from++)
    if (ring.every((name, turn) => name === even[(turn + from) % even.length])) return true;
  return false;
}

/** Turns of which nobody knows how many clients there are: what is there stays, else each in turn. */
export const IN_TURN: ClientTurns = {
  ring(picker, shares, current) {
    const length = ringLength(picker.slots);
    return isRingOf(current, shares, length) ? current : clientTurns(shares, new Map(), length);
  },
};
