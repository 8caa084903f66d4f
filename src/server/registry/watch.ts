/**
 * The watch verb: the store's events seen through a selection. An event is turned into an object once, whatever the
 * number of watches; nothing is buffered here, so a slow reader costs nothing until its history is compacted away.
 */
import { apiVersionOf, type Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { tooLargeResourceVersion, tooOldResourceVersion } from "../../api/status-errors.ts";
import { CompactedError, type Revision, type Store, type StoreEvent, type Watch } from "../../store/store.ts";
import type { RegistryEvent, RegistryWatch, RegistryWatchQuery, WatchReader } from "../registry.ts";
import type { BookmarkClock } from "./bookmark-clock.ts";
import { Beginning, InitialEvents } from "./initial-events.ts";
import { listEntries, parseResourceVersion } from "./list.ts";
import { type Selection, selectionOf } from "./selection.ts";
import { decodeEntry, lastState } from "./stored-object.ts";

/** The annotation that ends the current objects of a WatchList (KEP-3157). */
const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

export interface WatchParts {
  readonly store: Store;
  readonly bookmarks: BookmarkClock;
}

/** Throws ApiError: 400, 410 or 504. */
export async function watchObjects<T extends KubeObject>(
  { store, bookmarks }: WatchParts,
  kind: Kind<T>,
  query: RegistryWatchQuery,
): Promise<RegistryWatch<T>> {
  const selection = selectionOf(kind, query);
  const { resourceVersion: text = "" } = query;
  let beginning: Beginning<T> | undefined;
  let since: Revision;
  if (text === "" || text === "0" || query.sendInitialEvents === true) {
    if (text !== "" && text !== "0") checkNotFuture(store, parseResourceVersion(text));
    if (query.sendInitialEvents === false) since = store.revision;
    else {
      beginning = await beginningOf(store, kind, selection, query);
      since = beginning.revision;
    }
  } else {
    since = parseResourceVersion(text);
    checkNotFuture(store, since);
  }
  try {
    const watch = store.watch(selection.key ?? selection.prefix, since);
    const initial = beginning === undefined ? undefined : new InitialEvents(beginning);
    return new SelectedWatch(kind, selection, { watch, since }, initial, query, bookmarks);
  } catch (error) {
    if (error instanceof CompactedError) throw tooOldResourceVersion(error.requested, error.compacted);
    throw error;
  }
}

/** By store and kind: the newest beginnings without selector, by prefix. */
const beginnings = new WeakMap<Store, WeakMap<Kind, Map<string, WeakRef<Beginning<KubeObject>>>>>();

/** One that others have too, where nothing was written in between. */
async function beginningOf<T extends KubeObject>(
  store: Store,
  kind: Kind<T>,
  { prefix, matches }: Selection<T>,
  query: RegistryWatchQuery,
): Promise<Beginning<T>> {
  const marked = query.sendInitialEvents === true && query.allowBookmarks === true;
  const make = async (): Promise<Beginning<T>> => {
    const { entries, resourceVersion } = await listEntries(store, kind, selectors(query));
    const revision = Number(resourceVersion);
    const mark = marked ? bookmark(kind, revision, { [INITIAL_EVENTS_END]: "true" }) : undefined;
    return new Beginning(kind, revision, entries, mark);
  };
  if (matches !== undefined) return make();
  let ofStore = beginnings.get(store);
  if (ofStore === undefined) beginnings.set(store, (ofStore = new WeakMap()));
  let ofKind = ofStore.get(kind);
  if (ofKind === undefined) ofStore.set(kind, (ofKind = new Map()));
  const key = `${marked} ${prefix}`;
  const known = ofKind.get(key)?.deref();
  if (known?.revision === store.revision) return known as unknown as Beginning<T>;
  const made = await make();
  // A namespace may never be asked for again: what is gone leaves no key behind for long.
  for (const [other, reference] of ofKind) if (reference.deref() === undefined) ofKind.delete(other);
  ofKind.set(key, new WeakRef(made));
  return made;
}

function checkNotFuture(store: Store, revision: Revision): void {
  if (revision > store.revision) throw tooLargeResourceVersion(revision, store.revision);
}

function selectors({ namespace, labelSelector, fieldSelector }: RegistryWatchQuery): object {
  return {
    ...(namespace !== undefined && { namespace }),
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
  };
}

/** Only the type and the version; shared by nobody. */
function bookmark<T extends KubeObject>(
  kind: Kind<T>,
  revision: Revision,
  annotations?: Record<string, string>,
): RegistryEvent<T> {
  const metadata = {
    resourceVersion: String(revision),
    ...(annotations !== undefined && { annotations }),
  };
  return { type: "BOOKMARK", object: { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata } as T };
}

/** What a watch without selector makes of a turn's events: the same for all watches of a kind. */
const unselected = new WeakMap<Kind, WeakMap<readonly StoreEvent[], readonly RegistryEvent<KubeObject>[]>>();

function allEvents<T extends KubeObject>(
  kind: Kind<T>,
  events: readonly StoreEvent[],
): readonly RegistryEvent<T>[] {
  let ofKind = unselected.get(kind);
  if (ofKind === undefined) unselected.set(kind, (ofKind = new WeakMap()));
  let seen = ofKind.get(events);
  if (seen === undefined) {
    seen = events.map((event) => {
      if (event.type === "delete") return { type: "DELETED", object: lastState(kind, event) };
      const type = event.previous === undefined ? "ADDED" : "MODIFIED";
      return { type, object: decodeEntry(kind, event.entry) };
    });
    ofKind.set(events, seen);
  }
  return seen as readonly RegistryEvent<T>[];
}

/** An object that enters the selection is ADDED, one that leaves it is DELETED, as it was before it left. */
function selectedEvents<T extends KubeObject>(
  kind: Kind<T>,
  { key, matches }: Selection<T>,
  events: readonly StoreEvent[],
): RegistryEvent<T>[] {
  const selected: RegistryEvent<T>[] = [];
  for (const event of events) {
    // A watch on one key is a watch on a prefix: "web" is also the start of "web-2".
    if (key !== undefined && (event.type === "put" ? event.entry : event.previous).key !== key) continue;
    const before = event.previous !== undefined && matches!(decodeEntry(kind, event.previous));
    const object = event.type === "put" ? decodeEntry(kind, event.entry) : undefined;
    const after = object !== undefined && matches!(object);
    if (after) selected.push({ type: before ? "MODIFIED" : "ADDED", object });
    else if (before) selected.push({ type: "DELETED", object: lastState(kind, event) });
  }
  return selected;
}

type Result<T extends KubeObject> = IteratorResult<readonly RegistryEvent<T>[], undefined>;

class SelectedWatch<T extends KubeObject> implements RegistryWatch<T> {
  readonly #kind: Kind<T>;
  readonly #selection: Selection<T>;
  readonly #watch: Watch;
  readonly #bookmarks: BookmarkClock | undefined;
  readonly #timeout: NodeJS.Timeout | undefined;
  #initial: InitialEvents<T> | undefined;
  /** Waits for the next events. */
  #reader: WatchReader<T> | undefined;
  /** Whether the store has been asked for its next events. */
  #asked = false;
  /** What the store has answered while nobody waited: a bookmark came first. */
  #answer: (() => void) | undefined;
  /** Everything up to here has been handed out. */
  #complete: Revision;
  /** No more events, but perhaps a last bookmark. */
  #finishing = false;
  #closed = false;

  constructor(
    kind: Kind<T>,
    selection: Selection<T>,
    { watch, since }: { readonly watch: Watch; readonly since: Revision },
    initial: InitialEvents<T> | undefined,
    query: RegistryWatchQuery,
    bookmarks: BookmarkClock,
  ) {
    this.#kind = kind;
    this.#selection = selection;
    this.#watch = watch;
    this.#initial = initial?.done === false ? initial : undefined;
    this.#bookmarks = query.allowBookmarks === true ? bookmarks : undefined;
    this.#bookmarks?.add(this);
    this.#complete = since;
    if (query.timeoutMs !== undefined) this.#timeout = setTimeout(() => this.finish(), query.timeoutMs);
  }

  /** Called by the clock. `revision` is old enough that its events would have been seen by a watch that waits. */
  tick(revision: Revision): void {
    if (this.#reader === undefined || revision <= this.#complete) return;
    this.#complete = revision;
    this.#hand()!.events([bookmark(this.#kind, revision)]);
  }

  take(reader: WatchReader<T>): void {
    if (this.#reader !== undefined) throw new Error("a watch has one reader at a time");
    if (this.#closed) return reader.ended();
    if (this.#initial !== undefined) {
      // A list that is not whole yet has no version to resume from, so there is no bookmark before its end.
      if (this.#finishing) return this.#end(reader, false);
      const events = this.#initial.next();
      if (this.#initial.done) this.#initial = undefined;
      return reader.events(events);
    }
    if (this.#finishing) return this.#end(reader, true);
    this.#reader = reader;
    const answer = this.#answer;
    this.#answer = undefined;
    if (answer === undefined) this.#ask();
    else answer();
  }

  // oxlint-disable-next-line typescript/promise-function-async -- take answers by calls
  next(): Promise<Result<T>> {
    return new Promise((resolve, reject) => {
      this.take({
        events: (value) => resolve({ done: false, value }),
        ended: () => resolve({ done: true, value: undefined }),
        failed: reject,
      });
    });
  }

  finish(): void {
    if (this.#finishing || this.#closed) return;
    this.#finishing = true;
    const reader = this.#hand();
    if (reader !== undefined) this.#end(reader, true);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#initial = undefined;
    clearTimeout(this.#timeout);
    this.#bookmarks?.delete(this);
    this.#watch.close();
    this.#hand()?.ended();
  }

  async return(): Promise<Result<T>> {
    this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The waiting reader, who waits no longer. */
  #hand(): WatchReader<T> | undefined {
    const reader = this.#reader;
    this.#reader = undefined;
    return reader;
  }

  /** A last bookmark, where they are wanted, and then the end. */
  #end(reader: WatchReader<T>, marked: boolean): void {
    const wanted = marked && this.#bookmarks !== undefined;
    this.close();
    if (wanted) reader.events([bookmark(this.#kind, this.#complete)]);
    else reader.ended();
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#watch.next().then(this.#arrived, this.#failed);
  }

  readonly #arrived = (result: IteratorResult<readonly StoreEvent[], undefined>): void => {
    this.#asked = false;
    if (this.#closed) return;
    if (this.#reader === undefined) {
      this.#answer = () => this.#arrived(result);
      return;
    }
    // The store has been closed.
    if (result.done === true) return this.close();
    let events: readonly RegistryEvent<T>[];
    try {
      events =
        this.#selection.matches === undefined
          ? allEvents(this.#kind, result.value)
          : selectedEvents(this.#kind, this.#selection, result.value);
    } catch (error) {
      return this.#failed(error);
    }
    this.#complete = result.value.at(-1)?.revision ?? this.#complete;
    if (events.length === 0) this.#ask();
    else this.#hand()!.events(events);
  };

  readonly #failed = (error: unknown): void => {
    this.#asked = false;
    if (this.#closed) return;
    if (this.#reader === undefined) {
      this.#answer = () => this.#failed(error);
      return;
    }
    const reader = this.#hand()!;
    this.close();
    reader.failed(
      error instanceof CompactedError ? tooOldResourceVersion(error.requested, error.compacted) : error,
    );
  };
}
