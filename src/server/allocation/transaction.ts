/**
 * What one write takes and gives back, all or nothing. Numbers are taken at once, so that nobody else gets them while
 * the write is under way; those given back stay taken until the write is known to be done.
 */
import type { Owner, Pool } from "./pool.ts";

/** A pool whose numbers have names: addresses or ports. */
export interface NumberRange<Name> {
  readonly pool: Pool;
  /** Throws NotInRangeError. */
  number(name: Name): number;
  text(number: number): Name;
  taken(): Error;
  full(): Error;
}

export class AllocationTransaction {
  readonly #owner: Owner;
  readonly #dryRun: boolean;
  readonly #takes: { readonly pool: Pool; readonly number: number }[] = [];
  readonly #releases: { readonly pool: Pool; readonly number: number; readonly owner: Owner }[] = [];
  #done = false;

  /** With `dryRun` the answers are the same and nothing is taken. */
  constructor(owner: Owner, dryRun: boolean) {
    this.#owner = owner;
    this.#dryRun = dryRun;
  }

  /** Takes the named one. Throws NotInRangeError or TakenError; the caller then reverts. */
  take<Name>(range: NumberRange<Name>, name: Name): Name {
    const { pool } = range;
    const number = range.number(name);
    const free = this.#dryRun
      ? pool.owner(number) === undefined && !this.#has(pool, number)
      : pool.take(number, this.#owner);
    if (!free) throw range.taken();
    this.#takes.push({ pool, number });
    return range.text(number);
  }

  /** Takes any free one. Throws RangeFullError; the caller then reverts. */
  takeAny<Name>(range: NumberRange<Name>): Name {
    const { pool } = range;
    const number = this.#dryRun ? pool.peekAny(this.#numbersIn(pool)) : pool.takeAny(this.#owner);
    if (number === undefined) throw range.full();
    this.#takes.push({ pool, number });
    return range.text(number);
  }

  /** Gives the named one back when the write is done. A name outside the range was never taken: nothing to do. */
  release<Name>(range: NumberRange<Name>, name: Name, owner: Owner): void {
    let number: number;
    try {
      number = range.number(name);
    } catch {
      // The installation's range has changed since this number was given out: this pool does not hold it.
      return;
    }
    this.#releases.push({ pool: range.pool, number, owner });
  }

  /** The write is done. */
  commit(): void {
    if (this.#done) return;
    this.#done = true;
    if (this.#dryRun) return;
    for (const { pool, number, owner } of this.#releases) pool.release(number, owner);
  }

  /** The write did not happen: everything is as before. After commit it does nothing. */
  revert(): void {
    if (this.#done) return;
    this.#done = true;
    if (this.#dryRun) return;
    for (const { pool, number } of this.#takes) pool.release(number, this.#owner);
  }

  #has(pool: Pool, number: number): boolean {
    return this.#takes.some((take) => take.pool === pool && take.number === number);
  }

  #numbersIn(pool: Pool): ReadonlySet<number> {
    return new Set(this.#takes.filter((take) => take.pool === pool).map((take) => take.number));
  }
}
