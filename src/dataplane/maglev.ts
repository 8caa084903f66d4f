/**
 * Consistent hashing by a lookup table: Maglev (Eisenbud et al., NSDI 2016, section 3.4).
 *
 * Every backend has an order of its own in which it wants the table's places, and takes its next wish that is free when
 * its turn comes. So shares are equal to within one place, and when a backend leaves, nearly all other places stay as
 * they are. The table is a function of keys, weights and size, whatever their order: every node computes the same.
 */

/** Sizes of the table: primes below powers of two, so that a backend's order of places is a step through all of them. */
const SIZES = [251, 509, 1021, 2039, 4093, 8191, 16_381, 32_749, 65_521, 131_071] as const;

/** The size for `backends` of equal weight: over 100 places for each (shares differ by 1 % then), up to 131,071 in all. */
export function maglevSize(backends: number): number {
  return SIZES.find((size) => size > 100 * backends) ?? SIZES.at(-1)!;
}

/**
 * For each of `size` places the index in `names` of the backend that has it; empty without backends. Weights are
 * positive whole numbers: a backend of weight 3 has three times the places of one of weight 1. Keys are unique.
 * Throws RangeError for a weight or size that is not positive.
 */
export function maglev(
  names: readonly { readonly key: string; readonly weight: number }[],
  size: number,
): number[] {
  if (!(size >= 1)) throw new RangeError(`a Maglev table has at least 1 place, not ${size}`);
  if (names.length === 0) return [];
  let most = 0;
  for (const { key, weight } of names) {
    if (!(weight > 0)) throw new RangeError(`the weight of ${key} is ${weight}, and must be positive`);
    most = Math.max(most, weight);
  }
  // A step is coprime to a prime. Wishes beyond the size, if that is not prime itself, are passed over.
  const modulus = primeFrom(size);
  const turns = names
    .map(({ key, weight }, index) => ({
      key,
      index,
      weight,
      next: hashText(key, 0x811c9dc5) % modulus,
      step: modulus > 1 ? (hashText(key, 0x9747b28c) % (modulus - 1)) + 1 : 0,
    }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const table = Array.from({ length: size }, () => -1);
  let free = size;
  for (let round = 1; ; round++) {
    for (const turn of turns) {
      // The heaviest has one turn in every round, the others in as many of the rounds as their weight is to its.
      const due = Math.ceil((round * turn.weight) / most) - Math.ceil(((round - 1) * turn.weight) / most);
      if (due === 0) continue;
      while (turn.next >= size || table[turn.next] !== -1) turn.next = (turn.next + turn.step) % modulus;
      table[turn.next] = turn.index;
      if (--free === 0) return table;
    }
  }
}

/** 32 bits that look random: FNV-1a from `seed`, mixed as MurmurHash3 ends. The same text has the same hash everywhere. */
export function hashText(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The smallest prime that is at least `size`; 1 for 1, where there is nothing to step through. */
function primeFrom(size: number): number {
  if (size === 1) return 1;
  for (let candidate = size; ; candidate++) {
    let divisor = 2;
    while (divisor * divisor <= candidate && candidate % divisor !== 0) divisor++;
    if (divisor * divisor > candidate) return candidate;
  }
}
