/** What a watch begins with: the objects that are there, a part at a time, so that many new watches at once cost little. */
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import type { Entry } from "../../store/store.ts";
import type { RegistryEvent } from "../registry.ts";
import { decodeEntry } from "./stored-object.ts";

/** A part is handed out when it has this many events, or this many bytes in the store. */
const EVENTS = 256;
const BYTES = 128 * 1024;

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

export class InitialEvents<T extends KubeObject> {
  readonly #kind: Kind<T>;
  readonly #entries: readonly Entry[];
  #mark: RegistryEvent<T> | undefined;
  #next = 0;

  /** `mark` comes last, where it is wanted. */
  constructor(kind: Kind<T>, entries: readonly Entry[], mark: RegistryEvent<T> | undefined) {
    this.#kind = kind;
    this.#entries = entries;
    this.#mark = mark;
  }

  /** Whether all has been handed out. */
  get done(): boolean {
    return this.#next >= this.#entries.length && this.#mark === undefined;
  }

  /** The next part. */
  next(): readonly RegistryEvent<T>[] {
    const events: RegistryEvent<T>[] = [];
    let bytes = 0;
    while (this.#next < this.#entries.length && events.length < EVENTS && bytes < BYTES) {
      const entry = this.#entries[this.#next++]!;
      bytes += entry.value.length;
      events.push(new InitialEvent(this.#kind, entry));
    }
    if (this.#mark !== undefined && this.#next >= this.#entries.length) {
      events.push(this.#mark);
      this.#mark = undefined;
    }
    return events;
  }
}
