/**
 * Who holds which number (an address, a port), as far as this process knows: a picture of the store, which decides,
 * and what writes under way are about to take.
 *
 * Everything here is synchronous: between looking and taking there is no other caller.
 */
import { Picture } from "./picture.ts";

/** Who holds a number, as `kubectl get ipaddresses` shows it: "services/default/web". */
export type Holder = string;

/** Its size, keys and values are of the numbers that are held; those about to be taken do not count. */
export class Ledger<Key> extends Picture<Key, Holder> {
  readonly #pending = new Map<Key, Holder>();
  /** Told of each number that is free again. */
  onFree: ((key: Key) => void) | undefined;

  holder(key: Key): Holder | undefined {
    return this.get(key);
  }

  isFree(key: Key): boolean {
    return !this.has(key) && !this.#pending.has(key);
  }

  /** Keeps `key` from other writes of this process until it is let go; false if it is not free. */
  reserve(key: Key, holder: Holder): boolean {
    if (!this.isFree(key)) return false;
    this.#pending.set(key, holder);
    return true;
  }

  /** Ends a reservation: what became of it is told by {@link learn}. */
  letGo(key: Key): void {
    this.#pending.delete(key);
    if (!this.has(key)) this.onFree?.(key);
  }

  protected override set(key: Key, holder: Holder | undefined): void {
    super.set(key, holder);
    if (holder === undefined) this.onFree?.(key);
  }
}
