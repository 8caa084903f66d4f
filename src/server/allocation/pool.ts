/**
 * Which numbers of a range are taken: the core that ClusterIP and node port allocation share. A number asked for by
 * name may be anywhere; one picked for the caller comes from the upper (dynamic) band as long as there is one, so that
 * the lower (static) band stays free for people who choose (KEP-3070, KEP-3668).
 *
 * Everything here is synchronous: between looking and taking there is no other caller.
 */

/** Who holds a number: the object's uid, so that a stale release cannot free what somebody else took since. */
export type Owner = string;

export interface PoolOptions {
  /** How many numbers there are, from 0. */
  readonly size: number;
  /** How many of them, from 0, are the static band; 0: no bands. */
  readonly staticSize: number;
  /** Numbers nobody can take. */
  readonly reserved?: Iterable<number>;
  /** In [0, 1). */
  readonly random: () => number;
}

export class Pool {
  readonly size: number;
  readonly #staticSize: number;
  readonly #reserved: ReadonlySet<number>;
  readonly #random: () => number;
  readonly #owners = new Map<number, Owner>();

  constructor(options: PoolOptions) {
    this.size = options.size;
    this.#staticSize = options.staticSize;
    this.#reserved = new Set(options.reserved);
    this.#random = options.random;
  }

  /** How many numbers are taken. */
  get taken(): number {
    return this.#owners.size;
  }

  owner(number: number): Owner | undefined {
    return this.#owners.get(number);
  }

  isReserved(number: number): boolean {
    return this.#reserved.has(number);
  }

  /** Takes `number` for `owner`; false if it is taken (by anyone, the same owner included) or reserved. */
  take(number: number, owner: Owner): boolean {
    if (this.#owners.has(number) || this.#reserved.has(number)) return false;
    this.#owners.set(number, owner);
    return true;
  }

  /** Takes a free number, or returns undefined when there is none. */
  takeAny(owner: Owner): number | undefined {
    const number = this.#free(this.#staticSize, this.size) ?? this.#free(0, this.#staticSize);
    if (number !== undefined) this.#owners.set(number, owner);
    return number;
  }

  /** A free number as takeAny would pick it, left free. */
  peekAny(except: ReadonlySet<number>): number | undefined {
    return this.#free(this.#staticSize, this.size, except) ?? this.#free(0, this.#staticSize, except);
  }

  /** Lets go of `number` if `owner` holds it. */
  release(number: number, owner: Owner): void {
    if (this.#owners.get(number) === owner) this.#owners.delete(number);
  }

  /**
   * A random free number in [from, to): a few throws of the dice, which nearly always hit while the band is not
   * nearly full, then a scan from a random place.
   */
  #free(from: number, to: number, except?: ReadonlySet<number>): number | undefined {
    const span = to - from;
    if (span <= 0) return undefined;
    const isFree = (number: number): boolean =>
      !this.#owners.has(number) && !this.#reserved.has(number) && except?.has(number) !== true;
    for (let attempt = 0; attempt < 8; attempt++) {
      const number = from + Math.floor(this.#random() * span);
      if (isFree(number)) return number;
    }
    const start = Math.floor(this.#random() * span);
    for (let i = 0; i < span; i++) {
      const number = from + ((start + i) % span);
      if (isFree(number)) return number;
    }
    return undefined;
  }
}

/**
 * The size of the static band of a range: min(max(least, size / divisor), most), and none for a range that is not
 * larger than `least` (KEP-3070 with 16, 16, 256 for addresses; KEP-3668 with 16, 32, 128 for ports).
 */
export function staticBandSize(size: number, least: number, divisor: number, most: number): number {
  if (size <= least) return 0;
  return Math.min(Math.max(least, Math.floor(size / divisor)), most);
}
