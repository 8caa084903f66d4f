/** The events since the last compaction, in order: what watches replay and what lists at an old revision undo. */
import { eventKey } from "../commit.ts";
import type { Entry, Revision, StoreEvent } from "../store.ts";

/** How many events a reader that is behind gets at once; the rest of the last commit comes with them. */
const PAGE = 1000;

export class History {
  readonly #events: StoreEvent[] = [];

  get length(): number {
    return this.#events.length;
  }

  append(events: readonly StoreEvent[]): void {
    for (const event of events) this.#events.push(event);
  }

  /** Drops the events at and below `revision`, and returns them. */
  drop(revision: Revision): readonly StoreEvent[] {
    return this.#events.splice(0, this.#indexAfter(revision));
  }

  /** The events at and below `revision`. */
  upTo(revision: Revision): readonly StoreEvent[] {
    return this.#events.slice(0, this.#indexAfter(revision));
  }

  /**
   * Events under `prefix` above `since`, at most about PAGE of them and never part of a commit; and the revision up
   * to which they are complete (`newest` unless the page was full).
   */
  page(prefix: string, since: Revision, newest: Revision): { events: StoreEvent[]; upTo: Revision } {
    const events: StoreEvent[] = [];
    for (let index = this.#indexAfter(since); index < this.#events.length; index++) {
      const event = this.#events[index]!;
      const last = events.at(-1);
      if (events.length >= PAGE && last!.revision !== event.revision) return { events, upTo: last!.revision };
      if (eventKey(event).startsWith(prefix)) events.push(event);
    }
    return { events, upTo: newest };
  }

  /** What the keys under `prefix` that changed after `revision` held at it; undefined: they did not exist. */
  before(prefix: string, revision: Revision): Map<string, Entry | undefined> {
    const held = new Map<string, Entry | undefined>();
    for (let index = this.#indexAfter(revision); index < this.#events.length; index++) {
      const event = this.#events[index]!;
      const key = eventKey(event);
      if (key.startsWith(prefix) && !held.has(key)) held.set(key, event.previous);
    }
    return held;
  }

  #indexAfter(revision: Revision): number {
    // Most readers are near the end.
    if ((this.#events.at(-1)?.revision ?? 0) <= revision) return this.#events.length;
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#events[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
