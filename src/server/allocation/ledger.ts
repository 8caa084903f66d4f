/**
 * Who holds which number (an address, a port), as far as this process knows: a picture of the store, which decides.
 * It is made of three sources: the store's watch, which tells everything in order but a moment late; this process' own
 * commits, known at once; and what writes under way are about to take.
 *
 * Everything here is synchronous: between looking and taking there is no other caller.
 */
import type { Revision } from "../../store/store.ts";

/** Who holds a number, as `kubectl get ipaddresses` shows it: "services/default/web". */
export type Holder = string;

export class Ledger<Key> {
  readonly #held = new Map<Key, Holder>();
  readonly #pending = new Map<Key, Holder>();
  /** Numbers of which a later state is known than the watch has told: that state's revision. */
  readonly #ahead = new Map<Key, Revision>();
  /** What the watch has told of. */
  #watched: Revision = 0;

  /** How many numbers are held; those about to be taken do not count. */
  get size(): number {
    return this.#held.size;
  }

  holder(key: Key): Holder | undefined {
    return this.#held.get(key);
  }

  /** The numbers that are held. */
  keys(): Iterable<Key> {
    return this.#held.keys();
  }

  isFree(key: Key): boolean {
    return !this.#held.has(key) && !this.#pending.has(key);
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
  }

  /** What a commit of this process, or the refusal of one, says of a number. The watch may already know better. */
  learn(key: Key, holder: Holder | undefined, revision: Revision): void {
    if (revision <= this.#watched || revision <= (this.#ahead.get(key) ?? 0)) return;
    this.#ahead.set(key, revision);
    this.#set(key, holder);
  }

  /** Whether what happened to a number at `revision` is known already: a commit of this process. */
  isKnown(key: Key, revision: Revision): boolean {
    return this.#ahead.get(key) === revision;
  }

  /** What the watch says of a number. */
  observe(key: Key, holder: Holder | undefined, revision: Revision): void {
    const ahead = this.#ahead.get(key);
    if (ahead !== undefined && ahead > revision) return;
    this.#ahead.delete(key);
    this.#set(key, holder);
  }

  /** The watch has told of everything up to `revision`. */
  observedUntil(revision: Revision): void {
    this.#watched = revision;
  }

  #set(key: Key, holder: Holder | undefined): void {
    if (holder === undefined) this.#held.delete(key);
    else this.#held.set(key, holder);
  }
}
