/**
 * Slots: the numbered places of one virtual port's endpoints, of which each new connection picks one. An endpoint gets as
 * many of the connections as it has of the slots.
 */
import type { Balance } from "../table.ts";
import { maglev } from "../maglev.ts";
import { MAX_SLOTS } from "./pickers.ts";

/** An endpoint: what it is called in a slot (keys.ts' endpointId), and its weight, a positive whole number. */
export interface Weighted {
  readonly key: string;
  readonly weight: number;
}

/**
 * The slots for `endpoints`, as near to `current` as possible: those that the port has now, where known. Each slot has
 * an endpoint's key. Throws RangeError from Maglev for a weight that is not positive.
 */
export function slotsFor(
  endpoints: readonly Weighted[],
  balance: Balance,
  current: readonly (string | undefined)[],
): readonly string[] {
  if (balance === "source" || balance === "source-port") return hashedSlots(endpoints);
  const first = endpoints[0]?.weight;
  if (endpoints.every(({ weight }) => weight === first))
    return fillSlots(
      current,
      endpoints.map(({ key }) => key),
    );
  const shares = shareSlots(endpoints);
  if (balance === "round-robin") return interleave(shares);
  return fillSlots(
    current,
    shares.flatMap(({ key, weight }) => Array.from({ length: weight }, () => key)),
  );
}

/**
 * The slots that `wanted` gets, as near to `current` as possible: whoever has a slot that still exists keeps it, so
 * replacing one endpoint changes one slot, adding one adds the last, and removing one moves at most the last into its
 * place. `current` may have holes. The values only have to be comparable with ===; one that is wanted twice gets two.
 */
export function fillSlots(current: readonly (string | undefined)[], wanted: readonly string[]): string[] {
  if (current.length === 0) return [...wanted];
  const homeless = new Map<string, number>();
  for (const endpoint of wanted) homeless.set(endpoint, (homeless.get(endpoint) ?? 0) + 1);
  const slots: (string | undefined)[] = [];
  for (let slot = 0; slot < wanted.length; slot++) {
    const endpoint = current[slot];
    const left = endpoint === undefined ? 0 : (homeless.get(endpoint) ?? 0);
    if (left > 0) homeless.set(endpoint!, left - 1);
    slots.push(left > 0 ? endpoint : undefined);
  }
  const rest = [...homeless].flatMap(([endpoint, count]) => Array.from({ length: count }, () => endpoint));
  let next = 0;
  return slots.map((endpoint) => endpoint ?? rest[next++]!);
}

/** Shares are exact up to so many slots, or so many for each endpoint; beyond, they are rounded. */
const MAX_EXACT = 1000;
const MAX_EXACT_EACH = 16;

/** The same shares in the fewest slots; each endpoint at least one. */
export function shareSlots(endpoints: readonly Weighted[]): Weighted[] {
  const divisor = endpoints.reduce((common, { weight }) => greatestCommonDivisor(common, weight), 0);
  const total = endpoints.reduce((sum, { weight }) => sum + weight / divisor, 0);
  const most = Math.min(MAX_SLOTS, Math.max(MAX_EXACT, MAX_EXACT_EACH * endpoints.length));
  // Room is left for those who get one slot for less than one.
  const scale = total > most ? (most - endpoints.length) / total : 1;
  return endpoints.map(({ key, weight }) => ({
    key,
    weight: Math.max(1, Math.floor((weight / divisor) * scale)),
  }));
}

function greatestCommonDivisor(a: number, b: number): number {
  let [larger, smaller] = [a, b];
  while (smaller > 0) [larger, smaller] = [smaller, larger % smaller];
  return larger;
}

/**
 * Each endpoint as often as its weight says, spread evenly over the round: whoever is owed most has the next turn, and pays
 * for it the sum of all weights.
 */
function interleave(shares: readonly Weighted[]): string[] {
  const total = shares.reduce((sum, { weight }) => sum + weight, 0);
  const owed = shares.map(() => 0);
  return Array.from({ length: total }, () => {
    let next = 0;
    for (let index = 0; index < shares.length; index++) {
      owed[index]! += shares[index]!.weight;
      if (owed[index]! > owed[next]!) next = index;
    }
    owed[next]! -= total;
    return shares[next]!.key;
  });
}

/** Few sizes, because at each step between them most clients move: beyond 10, 40, 163 endpoints. */
const PLACES = [1021, 4093, 16_381, 65_521] as const;

function hashedSlots(endpoints: readonly Weighted[]): string[] {
  if (endpoints.length === 0) return [];
  const places = PLACES.find((size) => size > 100 * endpoints.length) ?? PLACES.at(-1)!;
  return maglev(endpoints, places).map((index) => endpoints[index]!.key);
}
