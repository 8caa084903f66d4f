/**
 * What the store holds, as far as this process knows. It is made of two sources: the store's watch, which tells
 * everything in order but a moment late, and this process' own commits and refusals, known at once.
 */
import type { Revision } from "../../store/store.ts";

export class Picture<Key, Value> {
  readonly #known = new Map<Key, Value>();
  /** Keys of which a later state is known than the watch has told: that state's revision. */
  readonly #ahead = new Map<Key, Revision>();
  /** What the watch has told of. */
  #watched: Revision = 0;

  get size(): number {
    return this.#known.size;
  }

  get(key: Key): Value | undefined {
    return this.#known.get(key);
  }

  has(key: Key): boolean {
    return this.#known.has(key);
  }

  keys(): Iterable<Key> {
    return this.#known.keys();
  }

  values(): Iterable<Value> {
    return this.#known.values();
  }

  /** What a commit of this process, or the refusal of one, says of a key. The watch may already know better. */
  learn(key: Key, value: Value | undefined, revision: Revision): void {
    if (revision <= this.#watched || revision <= (this.#ahead.get(key) ?? 0)) return;
    this.#ahead.set(key, revision);
    this.set(key, value);
  }

  /** A refusal says that the key is not there any more; since when, the watch will tell. */
  learnGone(key: Key): void {
    this.#ahead.set(key, Math.max(this.#watched, this.#ahead.get(key) ?? 0) + 1);
    this.set(key, undefined);
  }

  /** Whether what happened to a key at `revision` is known already: a commit of this process. */
  isKnown(key: Key, revision: Revision): boolean {
    return this.#ahead.get(key) === revision;
  }

  /** What the watch says of a key. */
  observe(key: Key, value: Value | undefined, revision: Revision): void {
    const ahead = this.#ahead.get(key);
    if (ahead !== undefined && ahead > revision) return;
    this.#ahead.delete(key);
    this.set(key, value);
  }

  /** The watch has told of everything up to `revision`. */
  observedUntil(revision: Revision): void {
    this.#watched = revision;
  }

  /** For those that extend this: every change comes through here. */
  protected set(key: Key, value: Value | undefined): void {
    if (value === undefined) this.#known.delete(key);
    else this.#known.set(key, value);
  }
}
