/** What a watch begins with: the objects that are there, a part at a time, so that many new watches at once cost little. */
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import type { Entry, Revision } from "../../store/store.ts";
import type { RegistryEvent } from "../registry.ts";
import { decodeEntry } from "./stored-object.ts";

/** A part is full when it has this many events, or this many bytes in the store. */
const EVENTS = 256;
const BYTES = 64 * 1024;

/** An object that was there when the watch began. It is parsed only for who wants more than its stored bytes. */
export class InitialEvent<T extends KubeObject> implements RegistryEvent<T> {
  readonly type = "ADDED";
  readonly entry: Entry;
  readonly #kind: Kind<T>;

  constructor(kind: Kind<T>, entry: Entry) {
    this.#kind = kind;
    this.entry = entry;
  }

  get object(): T {
    return decodeEntry(this.#kind, this.entry);
  }
}

/**
 * The beginning of a watch, and of all others that begin like it at the same revision: they get the very same arrays, so
 * that what is made of one is made once. It is let go of with the last of them.
 */
export class Beginning<T extends KubeObject> {
  readonly revision: Revision;
  readonly #kind: Kind<T>;
  readonly #entries: readonly Entry[];
  readonly #mark: RegistryEvent<T> | undefined;
  readonly #parts: (readonly RegistryEvent<T>[])[] = [];
  /** How many of the entries are in parts. */
  #taken = 0;

  /** `mark` comes last, where it is wanted. */
  constructor(
    kind: Kind<T>,
    revision: Revision,
    entries: readonly Entry[],
    mark: RegistryEvent<T> | undefined,
  ) {
    this.#kind = kind;
    this.revision = revision;
    this.#entries = entries;
    this.#mark = mark;
  }

  /** The part with this number, from 0; undefined after the last. */
  part(number: number): readonly RegistryEvent<T>[] | undefined {
    if (number === this.#parts.length) {
      const part = this.#nextPart();
      if (part.length > 0) this.#parts.push(part);
    }
    return this.#parts[number];
  }

  #nextPart(): readonly RegistryEvent<T>[] {
    const events: RegistryEvent<T>[] = [];
    const before = this.#taken;
    let bytes = 0;
    while (this.#taken < this.#entries.length && events.length < EVENTS && bytes < BYTES) {
      const entry = this.#entries[this.#taken++]!;
      bytes += entry.value.length;
      events.push(new InitialEvent(this.#kind, entry));
    }
    const last = this.#taken === this.#entries.length;
    const first = this.#parts.length === 0;
    if (last && (first || this.#taken > before) && this.#mark !== undefined) events.push(this.#mark);
    return events;
  }
}

/** One watch's way through its beginning. */
export class InitialEvents<T extends KubeObject> {
  readonly #beginning: Beginning<T>;
  #number = 0;
  #next: readonly RegistryEvent<T>[] | undefined;

  constructor(beginning: Beginning<T>) {
    this.#beginning = beginning;
    this.#next = beginning.part(0);
  }

  /** Whether all has been handed out. */
  get done(): boolean {
    return this.#next === undefined;
  }

  /** The next part. */
  next(): readonly RegistryEvent<T>[] {
    const part = this.#next!;
    this.#next = this.#beginning.part(++this.#number);
    return part;
  }
}
