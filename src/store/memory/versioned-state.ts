/** The whole content of a store in memory: what is now, what happened since the last compaction, and who watches. */
import {
  CompactedError,
  type Entry,
  FutureRevisionError,
  type ListOptions,
  type ListResult,
  type Revision,
  type StoreEvent,
  type Watch,
} from "../store.ts";
import { History } from "./history.ts";
import { SortedEntries } from "./sorted-entries.ts";
import { WatchHub } from "./watch-hub.ts";

export class VersionedState {
  readonly #entries = new SortedEntries();
  readonly #history = new History();
  readonly #hub = new WatchHub(this);
  #revision: Revision = 0;
  #compactedRevision: Revision = 0;

  get revision(): Revision {
    return this.#revision;
  }

  get compactedRevision(): Revision {
    return this.#compactedRevision;
  }

  /** How many keys there are. */
  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** As Store.list. */
  list(prefix: string, options: ListOptions = {}): ListResult {
    const { after, limit = Number.POSITIVE_INFINITY, revision = this.#revision } = options;
    if (!(limit > 0)) throw new RangeError(`a list's limit must be above 0, not ${limit}`);
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision);
    if (revision < this.#compactedRevision) throw new CompactedError(revision, this.#compactedRevision);
    const changed = this.#history.before(prefix, revision);
    if (changed.size === 0) return { ...this.#entries.range(prefix, after, limit), revision };
    const all = this.#entries.range(prefix, after, Number.POSITIVE_INFINITY).entries;
    const held = [...changed.values()].filter(
      (entry) => entry !== undefined && (after === undefined || entry.key > after),
    ) as Entry[];
    const then = merge(
      all.filter((entry) => !changed.has(entry.key)),
      held.sort((a, b) => (a.key < b.key ? -1 : 1)),
    );
    const entries = then.slice(0, limit);
    return { entries, revision, remaining: then.length - entries.length };
  }

  /** As Store.watch. */
  watch(prefix: string, since: Revision): Watch {
    return this.#hub.watch(prefix, since);
  }

  eventsAfter(prefix: string, since: Revision): { events: readonly StoreEvent[]; upTo: Revision } {
    return this.#history.page(prefix, since, this.#revision);
  }

  /** Makes one whole commit visible: the events at the next revision. */
  apply(events: readonly StoreEvent[]): void {
    const first = events[0];
    if (first === undefined) return;
    if (first.revision <= this.#revision)
      throw new RangeError(`revision ${first.revision} does not follow ${this.#revision}`);
    for (const event of events) {
      if (event.type === "put") this.#entries.set(event.entry);
      else this.#entries.delete(event.previous.key);
    }
    this.#history.append(events);
    this.#revision = first.revision;
    this.#hub.published();
  }

  /** The events that `compact(revision)` would forget. */
  eventsUpTo(revision: Revision): readonly StoreEvent[] {
    return this.#history.upTo(revision);
  }

  /** As Store.compact. */
  compact(revision: Revision): void {
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision);
    if (revision <= this.#compactedRevision) return;
    this.#hub.wake();
    this.#history.drop(revision);
    this.#compactedRevision = revision;
  }

  /** Puts in place what was true at `revision`, with no history. Only for a new state. */
  load(entries: Iterable<Entry>, revision: Revision): void {
    for (const entry of entries) this.#entries.set(entry);
    this.#revision = revision;
    this.#compactedRevision = revision;
  }

  /** Ends every watch, after it got what had been published. */
  close(): void {
    this.#hub.close();
  }
}

/** Two ascending lists without common keys as one. */
function merge(a: readonly Entry[], b: readonly Entry[]): Entry[] {
  const merged: Entry[] = [];
  let next = 0;
  for (const entry of a) {
    while (next < b.length && b[next]!.key < entry.key) merged.push(b[next++]!);
    merged.push(entry);
  }
  while (next < b.length) merged.push(b[next++]!);
  return merged;
}
