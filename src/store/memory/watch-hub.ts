/**
 * Watches over one history. A watch is a cursor into the shared events, so a slow one costs nothing and delays nobody.
 * Whatever is published within one turn of the event loop wakes the waiting watches once, at the end of the turn;
 * watches on the same prefix at the same revision get the very same array of the very same events.
 */
import { CompactedError, type Revision, type StoreEvent, type Watch } from "../store.ts";

type Item = readonly StoreEvent[];

/** What a watch reads. */
export interface EventSource {
  readonly revision: Revision;
  readonly compactedRevision: Revision;
  eventsAfter(prefix: string, since: Revision): { events: Item; upTo: Revision };
}

export class WatchHub {
  readonly #source: EventSource;
  readonly #open = new Set<StoreWatch>();
  readonly #waiting = new Set<StoreWatch>();
  #wakeUp: NodeJS.Immediate | undefined;

  constructor(source: EventSource) {
    this.#source = source;
  }

  /** Throws CompactedError if events above `since` are gone. */
  watch(prefix: string, since: Revision): Watch {
    const { compactedRevision } = this.#source;
    if (since < compactedRevision) throw new CompactedError(since, compactedRevision);
    const watch = new StoreWatch(this.#source, prefix, since, {
      waiting: () => this.#waiting.add(watch),
      closed: () => {
        this.#open.delete(watch);
        this.#waiting.delete(watch);
      },
    });
    this.#open.add(watch);
    return watch;
  }

  /** Says that the source has new events. */
  published(): void {
    this.#wakeUp ??= setImmediate(() => this.wake());
  }

  /** Ends every watch. */
  close(): void {
    this.wake();
    for (const watch of this.#open) watch.close();
  }

  /** Hands out now what has been published; must come before events are dropped, or waiting watches would miss them. */
  wake(): void {
    if (this.#wakeUp === undefined) return;
    clearImmediate(this.#wakeUp);
    this.#wakeUp = undefined;
    const pages = new Map<string, Map<Revision, ReturnType<EventSource["eventsAfter"]>>>();
    for (const watch of this.#waiting) {
      while (watch.isWaiting && watch.cursor < this.#source.revision) {
        let ofPrefix = pages.get(watch.prefix);
        if (ofPrefix === undefined) pages.set(watch.prefix, (ofPrefix = new Map()));
        let page = ofPrefix.get(watch.cursor);
        if (page === undefined) {
          page = this.#source.eventsAfter(watch.prefix, watch.cursor);
          ofPrefix.set(watch.cursor, page);
        }
        watch.deliver(page.events, page.upTo);
      }
      if (!watch.isWaiting) this.#waiting.delete(watch);
    }
  }
}

interface Notices {
  waiting(): void;
  closed(): void;
}

class StoreWatch implements Watch {
  readonly prefix: string;
  readonly #source: EventSource;
  readonly #notices: Notices;
  readonly #readers: ((result: IteratorResult<Item, undefined>) => void)[] = [];
  #cursor: Revision;
  #closed = false;

  constructor(source: EventSource, prefix: string, since: Revision, notices: Notices) {
    this.prefix = prefix;
    this.#source = source;
    this.#cursor = since;
    this.#notices = notices;
  }

  /** Everything up to this revision has been handed out, or does not concern this watch. */
  get cursor(): Revision {
    return this.#cursor;
  }

  // oxlint-disable-next-line typescript/promise-function-async -- every await saved counts: this runs for each watch and event
  next(): Promise<IteratorResult<Item, undefined>> {
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    if (this.#readers.length === 0) {
      const { compactedRevision } = this.#source;
      if (this.#cursor < compactedRevision) {
        const error = new CompactedError(this.#cursor, compactedRevision);
        this.close();
        return Promise.reject(error);
      }
      const { events, upTo } = this.#source.eventsAfter(this.prefix, this.#cursor);
      this.#advance(upTo);
      if (events.length > 0) return Promise.resolve({ done: false, value: events });
    }
    return new Promise((resolve) => {
      this.#readers.push(resolve);
      this.#notices.waiting();
    });
  }

  get isWaiting(): boolean {
    return this.#readers.length > 0;
  }

  /** Hands events to the reader that has waited longest. */
  deliver(events: Item, upTo: Revision): void {
    this.#advance(upTo);
    if (events.length > 0) this.#readers.shift()?.({ done: false, value: events });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#notices.closed();
    for (const reader of this.#readers.splice(0)) reader({ done: true, value: undefined });
  }

  // oxlint-disable-next-line typescript/promise-function-async -- nothing to await
  return(): Promise<IteratorResult<Item, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** A watch may start at a revision that is still to come: it then stays there until it has been reached. */
  #advance(upTo: Revision): void {
    if (upTo > this.#cursor) this.#cursor = upTo;
  }
}
