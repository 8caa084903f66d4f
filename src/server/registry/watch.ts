/**
 * The watch verb: the store's events seen through a selection. An event is turned into an object once, whatever the
 * number of watches; nothing is buffered here, so a slow reader costs nothing until its history is compacted away.
 */
import { apiVersionOf, type Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { tooLargeResourceVersion, tooOldResourceVersion } from "../../api/status-errors.ts";
import { CompactedError, type Revision, type Store, type StoreEvent, type Watch } from "../../store/store.ts";
import type { RegistryEvent, RegistryWatch, RegistryWatchQuery } from "../registry.ts";
import type { BookmarkClock } from "./bookmark-clock.ts";
import { listObjects, parseResourceVersion } from "./list.ts";
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
  const initial: RegistryEvent<T>[] = [];
  let since: Revision;
  if (text === "" || text === "0" || query.sendInitialEvents === true) {
    if (text !== "" && text !== "0") checkNotFuture(store, parseResourceVersion(text));
    const { items, resourceVersion } = await listObjects(store, kind, selectors(query));
    since = Number(resourceVersion);
    if (query.sendInitialEvents !== false)
      for (const object of items) initial.push({ type: "ADDED", object });
    if (query.sendInitialEvents === true && query.allowBookmarks === true)
      initial.push(bookmark(kind, since, { [INITIAL_EVENTS_END]: "true" }));
  } else {
    since = parseResourceVersion(text);
    checkNotFuture(store, since);
  }
  try {
    const watch = store.watch(selection.key ?? selection.prefix, since);
    return new SelectedWatch(kind, selection, { watch, since }, initial, query, bookmarks);
  } catch (error) {
    if (error instanceof CompactedError) throw tooOldResourceVersion(error.requested, error.compacted);
    throw error;
  }
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
  #first: readonly RegistryEvent<T>[];
  /** The store's next events, asked for and not here yet. */
  #pending: Promise<IteratorResult<readonly StoreEvent[]>> | undefined;
  /** Everything up to here has been handed out. */
  #complete: Revision;
  #wake: ((why: "bookmark" | "timeout") => void) | undefined;
  #timedOut = false;
  #closed = false;

  constructor(
    kind: Kind<T>,
    selection: Selection<T>,
    { watch, since }: { readonly watch: Watch; readonly since: Revision },
    initial: readonly RegistryEvent<T>[],
    query: RegistryWatchQuery,
    bookmarks: BookmarkClock,
  ) {
    this.#kind = kind;
    this.#selection = selection;
    this.#watch = watch;
    this.#first = initial;
    this.#bookmarks = query.allowBookmarks === true ? bookmarks : undefined;
    this.#bookmarks?.add(this);
    this.#complete = since;
    if (query.timeoutMs !== undefined)
      this.#timeout = setTimeout(() => {
        this.#timedOut = true;
        this.#wake?.("timeout");
      }, query.timeoutMs);
  }

  /** Called by the clock. `revision` is old enough that its events would have been seen by a watch that waits. */
  tick(revision: Revision): void {
    if (this.#wake === undefined || revision <= this.#complete) return;
    this.#complete = revision;
    this.#wake("bookmark");
  }

  async next(): Promise<Result<T>> {
    if (this.#first.length > 0) {
      const initial = this.#first;
      this.#first = [];
      return { done: false, value: initial };
    }
    for (;;) {
      if (this.#closed) return { done: true, value: undefined };
      if (this.#timedOut) return this.#end();
      this.#pending ??= this.#watch.next();
      const woken = new Promise<"bookmark" | "timeout">((resolve) => (this.#wake = resolve));
      const outcome = await this.#settle(Promise.race([this.#pending, woken]));
      this.#wake = undefined;
      if (outcome === "timeout") return this.#end();
      if (outcome === "bookmark") return { done: false, value: [bookmark(this.#kind, this.#complete)] };
      this.#pending = undefined;
      if (outcome.done === true) {
        this.close();
        return { done: true, value: undefined };
      }
      this.#complete = outcome.value.at(-1)?.revision ?? this.#complete;
      const events =
        this.#selection.matches === undefined
          ? allEvents(this.#kind, outcome.value)
          : selectedEvents(this.#kind, this.#selection, outcome.value);
      if (events.length > 0) return { done: false, value: events };
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timeout);
    this.#bookmarks?.delete(this);
    this.#watch.close();
  }

  async return(): Promise<Result<T>> {
    this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The time is over: a last bookmark, where they are wanted, and then the end. */
  #end(): Result<T> {
    const last = this.#bookmarks === undefined ? undefined : this.#complete;
    this.close();
    if (last === undefined) return { done: true, value: undefined };
    return { done: false, value: [bookmark(this.#kind, last)] };
  }

  async #settle<R>(promise: Promise<R>): Promise<R> {
    try {
      return await promise;
    } catch (error) {
      this.close();
      if (error instanceof CompactedError) throw tooOldResourceVersion(error.requested, error.compacted);
      throw error;
    }
  }
}
