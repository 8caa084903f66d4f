/**
 * A local copy of the objects of one kind that follows the server: one list, then a watch that is resumed for ever.
 *
 * After a cut the watch goes on from the last version seen; only when that version is too old (410) is everything
 * listed again, and what happened in the gap (deletions too) is found by comparing. Nothing is polled, and an event
 * reaches the handlers in the turn in which it arrives. A server that was away is found again by all informers of a
 * client when it is by one.
 */
import { ApiError } from "../api/api-error.ts";
import type { Kind } from "../api/kind.ts";
import type { KubeObject } from "../api/meta/type.ts";
import { type Log, silentLog } from "../base/log.ts";
import { backoffDelay, type BackoffOptions, pause } from "../base/backoff.ts";
import { type IndexFunction, type Lister, ObjectCache } from "./cache.ts";
import { type Client, isInitialEventsEnd, type ListQuery, type WatchEvent } from "./client.ts";
import { compareVersions, keyOf, type ObjectKeyText } from "./object-key.ts";

/** Called after the cache has changed. Objects are shared: not to be mutated. An exception is logged and goes no further. */
export interface InformerHandler<T> {
  onAdd?(object: T): void;
  onUpdate?(object: T, old: T): void;
  /** `object` is as it was last seen. */
  onDelete?(object: T): void;
}

export interface InformerOptions<T extends KubeObject, I extends string> {
  readonly client: Client;
  readonly kind: Kind<T>;
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly indexes?: Readonly<Record<I, IndexFunction<T>>>;
  readonly log?: Log;
  /** Ends the informer. The cache stays readable. */
  readonly signal: AbortSignal;
  /** Called with each failure to list or watch; it is tried again after a while. */
  readonly onFailure?: (error: unknown) => void;
  /** Between attempts while the server fails. */
  readonly backoff?: BackoffOptions;
  /**
   * What is kept of an object, as soon as it is received, unless the client shares its objects: handlers get that too.
   * Namespace, name and resourceVersion
   * are needed; without the uid, an object of the same name made anew in a gap is an update. @default {all}
   */
  readonly transform?: (object: T) => T;
  /** Objects a page of the first list. @default 500, as client-go */
  readonly pageSize?: number;
  /**
   * Asks for what is there by a watch that begins with it (WatchList), and by a list only where the server does not
   * know that. It is one request instead of many, and nobody has to hold the whole list. @default {false}
   */
  readonly watchList?: boolean;
  /** A server that says nothing for so many milliseconds before the end of a WatchList does not know it. @default 5000 */
  readonly watchListSilence?: number;
  /** A watch that ends without an event within this many milliseconds counts as a failure. @default 1000 */
  readonly shortWatch?: number;
}

export interface Informer<T extends KubeObject, I extends string = never> extends Lister<T, I> {
  readonly kind: Kind<T>;
  /** Resolves when the first list is in the cache and was handed to the handlers. Rejects if the signal aborts before. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  /** When the server last sent a list, an event or a bookmark (performance.now); undefined: not yet. */
  readonly heardAt: number | undefined;
  /** Resolves when the informer has ended. */
  readonly done: Promise<void>;
  /** What is in the cache already is handed over as added, at once. Disposing removes the handler. */
  addHandler(handler: InformerHandler<T>): Disposable;
  /**
   * An object that a write returned: it is in the cache from now on, unless the watch is past it already, so that
   * whoever wrote it reads its own write. Without comparable versions this does nothing, and the watch brings it.
   */
  observe(object: T): void;
  /** An object that was deleted by us: it is out of the cache, and events from before its deletion do not bring it back. */
  forget(object: T): void;
}

/** Starts at once; handlers added in the same turn miss nothing and get no duplicates. */
export function startInformer<T extends KubeObject, I extends string = never>(
  options: InformerOptions<T, I>,
): Informer<T, I> {
  const { client, kind, signal, log = silentLog, pageSize = 500, shortWatch = 1000 } = options;
  const whole = (object: T): T => object;
  const transform = client.sharesObjects === true ? whole : (options.transform ?? whole);
  const cache = new ObjectCache<T, I>(options.indexes ?? ({} as Record<I, IndexFunction<T>>));
  const handlers = new Set<InformerHandler<T>>();
  const synced = Promise.withResolvers<void>();
  // Whoever does not wait for it has nothing to be told.
  synced.promise.catch(() => undefined);
  let hasSynced = false;
  /** The version up to which the cache follows the server; undefined: a list is needed. */
  let version: string | undefined;
  let watchList = options.watchList ?? false;
  /** The server has said that it does not know our version yet: it may have been put back to an older state. */
  let ahead = false;
  let failures = 0;
  let heardAt: number | undefined;
  /** The failure that was last logged; undefined: there is none. */
  let said: string | undefined;
  const waiting = waitingOf(client);
  /** uids whose deletion by us the watch has not yet shown. */
  const forgotten = new Set<string>();

  const query: ListQuery = {
    ...(options.namespace !== undefined && { namespace: options.namespace }),
    ...(options.labelSelector !== undefined && { labelSelector: options.labelSelector }),
    ...(options.fieldSelector !== undefined && { fieldSelector: options.fieldSelector }),
  };

  function tell(call: (handler: InformerHandler<T>) => void): void {
    for (const handler of handlers)
      try {
        call(handler);
      } catch (err) {
        log.error({ err, kind: kind.kind }, "a handler of an informer failed");
      }
  }

  function remove(old: T): void {
    cache.delete(keyOf(old));
    tell((handler) => handler.onDelete?.(old));
  }

  /** Puts an object in the cache unless what is there is the same or newer. */
  function put(object: T, whateverVersion = false): void {
    const { uid, deletionTimestamp } = object.metadata;
    if (uid !== undefined && forgotten.has(uid)) {
      // Held by a finalizer: it is not gone after all.
      if (deletionTimestamp === undefined) return;
      forgotten.delete(uid);
    }
    const old = cache.getByKey(keyOf(object));
    if (old !== undefined) {
      const order = compareVersions(object.metadata.resourceVersion, old.metadata.resourceVersion);
      if (order === 0 || (order !== undefined && order < 0 && !whateverVersion)) return;
      if (old.metadata.uid === uid) {
        cache.set(object);
        tell((handler) => handler.onUpdate?.(object, old));
        return;
      }
      // Deleted and created again in a gap: another object of the same name.
      remove(old);
    }
    cache.set(object);
    tell((handler) => handler.onAdd?.(object));
  }

  function drop(object: T): void {
    if (object.metadata.uid !== undefined) forgotten.delete(object.metadata.uid);
    const old = cache.getByKey(keyOf(object));
    if (old === undefined) return;
    // A newer object of the same name was observed already: this is the end of the one before.
    if (
      old.metadata.uid !== object.metadata.uid &&
      (compareVersions(object.metadata.resourceVersion, old.metadata.resourceVersion) ?? 1) < 0
    )
      return;
    remove(old);
  }

  function apply(event: WatchEvent<T>): void {
    version = event.object.metadata.resourceVersion ?? version;
    if (event.type === "DELETED") drop(transform(event.object));
    else if (event.type !== "BOOKMARK") put(transform(event.object));
  }

  /** Makes the cache what the server listed at `listed`. */
  function replace(items: readonly T[], listed: string | undefined): void {
    const rewound = ahead;
    ahead = false;
    const present = new Set<ObjectKeyText>(items.map(keyOf));
    const uids = new Set(items.map((item) => item.metadata.uid));
    for (const uid of forgotten) if (!uids.has(uid)) forgotten.delete(uid);
    for (const old of Array.from(cache.list().values())) {
      if (present.has(keyOf(old))) continue;
      // Observed after the list was made: the watch that follows will bring it.
      if (!rewound && (compareVersions(old.metadata.resourceVersion, listed) ?? 0) > 0) continue;
      remove(old);
    }
    for (const item of items) put(item, rewound);
    version = listed;
    if (hasSynced) return;
    hasSynced = true;
    synced.resolve();
  }

  async function list(): Promise<void> {
    const items: T[] = [];
    let page = await client.list(kind, { ...query, limit: pageSize });
    for (;;) {
      for (const item of page.items) items.push(transform(item));
      const next = page.metadata.continue;
      if (next === undefined || next === "" || signal.aborted) break;
      try {
        page = await client.list(kind, { ...query, limit: pageSize, continue: next });
      } catch (error) {
        // The pages so far are of a version that is gone now. All in one piece cannot expire.
        if (!isGone(error)) throw error;
        items.length = 0;
        page = await client.list(kind, query);
      }
    }
    if (signal.aborted) return;
    const { resourceVersion } = page.metadata;
    if (resourceVersion === undefined) throw new Error(`the list of ${kind.plural} has no resourceVersion`);
    heard();
    replace(items, resourceVersion);
  }

  /** One list if needed and one watch. True if it did some good: the next attempt need not wait. */
  async function follow(): Promise<boolean> {
    if (version === undefined && watchList) return listByWatch();
    if (version === undefined) await list();
    const started = performance.now();
    let events = 0;
    for await (const event of client.watch(kind, {
      ...query,
      resourceVersion: version ?? "",
      signal,
      onOpen: heard,
    })) {
      if (signal.aborted) return true;
      heard();
      apply(event);
      failures = 0;
      events++;
    }
    return events > 0 || performance.now() - started >= shortWatch;
  }

  /** As follow(), by one watch that begins with what is there. What has begun and does not end changes nothing. */
  async function listByWatch(): Promise<boolean> {
    const given = new AbortController();
    const silence = setTimeout(() => given.abort(), options.watchListSilence ?? 5000);
    const events = client.watch(kind, {
      ...query,
      resourceVersion: "",
      resourceVersionMatch: "NotOlderThan",
      sendInitialEvents: true,
      signal: AbortSignal.any([signal, given.signal]),
      onOpen: heard,
    });
    let begun: T[] | undefined = [];
    try {
      for await (const event of events) {
        if (signal.aborted) return true;
        heard();
        silence.refresh();
        if (begun === undefined) apply(event);
        else if (isInitialEventsEnd(event)) {
          clearTimeout(silence);
          replace(begun, event.object.metadata.resourceVersion);
          begun = undefined;
          failures = 0;
        } else if (event.type !== "BOOKMARK") begun.push(transform(event.object));
      }
    } catch (error) {
      if (begun === undefined || !isUnknownRequest(error)) throw error;
      given.abort();
    } finally {
      clearTimeout(silence);
    }
    if (begun === undefined) return true;
    if (given.signal.aborted && !signal.aborted) {
      log.debug({ kind: kind.kind }, "the server does not know WatchList: listing");
      watchList = false;
      return true;
    }
    return false;
  }

  function heard(): void {
    heardAt = performance.now();
    sayRecovery();
  }

  /** Once for as long as it is the same, so that a server that is away for a day does not fill the log. */
  function sayFailure(err: unknown): void {
    const what = err instanceof Error ? err.message : String(err);
    const level = what === said ? "debug" : "warn";
    said = what;
    // What the server or the way to it says is whole without a stack.
    const why = err instanceof ApiError ? { why: what } : { err };
    log[level]({ ...why, kind: kind.kind }, "following the server failed, trying again");
  }

  function sayRecovery(): void {
    if (said === undefined) return;
    said = undefined;
    for (const tryNow of waiting) tryNow();
    log.info({ kind: kind.kind }, "following the server again");
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        if (await follow()) continue;
      } catch (error) {
        if (signal.aborted) break;
        options.onFailure?.(error);
        if (version !== undefined && needsList(error)) {
          log.info(
            { err: error, kind: kind.kind, version },
            "the watch cannot go on from here: listing again",
          );
          ahead = isAhead(error);
          version = undefined;
          // Once at once: the list is what cures it. If that does not help, with pauses.
          if (failures++ === 0) continue;
        } else sayFailure(error);
      }
      const over = new AbortController();
      const tryNow = (): void => over.abort();
      waiting.add(tryNow);
      await pause(backoffDelay(++failures, options.backoff), AbortSignal.any([signal, over.signal]));
      waiting.delete(tryNow);
    }
    synced.reject(signal.reason);
  }

  // After this turn, so that the caller can add handlers first.
  const done = Promise.resolve().then(run);

  return {
    kind,
    synced: synced.promise,
    get hasSynced() {
      return hasSynced;
    },
    get heardAt() {
      return heardAt;
    },
    done,
    get: (namespace, name) => cache.get(namespace, name),
    getByKey: (key) => cache.getByKey(key),
    list: () => cache.list(),
    byIndex: (index, value) => cache.byIndex(index, value),
    addHandler(handler) {
      handlers.add(handler);
      for (const object of cache.list().values())
        try {
          handler.onAdd?.(object);
        } catch (err) {
          log.error({ err, kind: kind.kind }, "a handler of an informer failed");
        }
      return {
        [Symbol.dispose]() {
          handlers.delete(handler);
        },
      };
    },
    observe(object) {
      if ((compareVersions(object.metadata.resourceVersion, version) ?? -1) > 0) put(transform(object));
    },
    forget(object) {
      const old = cache.getByKey(keyOf(object));
      if (old === undefined || old.metadata.uid !== transform(object).metadata.uid) return;
      if (old.metadata.uid !== undefined) forgotten.add(old.metadata.uid);
      remove(old);
    },
  };
}

/** What ends the pauses of informers that follow the same server: where one of them gets an answer again, all may. */
const waitingByClient = new WeakMap<Client, Set<() => void>>();

function waitingOf(client: Client): Set<() => void> {
  let waiting = waitingByClient.get(client);
  if (waiting === undefined) waitingByClient.set(client, (waiting = new Set()));
  return waiting;
}

function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.code === 410;
}

/** Our version is newer than all that the server has (apimachinery NewTimeoutError with this cause). */
function isAhead(error: unknown): boolean {
  return (
    error instanceof ApiError &&
    error.code === 504 &&
    (error.status.details?.causes ?? []).some(({ reason }) => reason === "ResourceVersionTooLarge")
  );
}

/** A watch from our version will never work: it is gone, unknown, or no version of this server's at all. */
function needsList(error: unknown): boolean {
  return isGone(error) || isAhead(error) || isUnknownRequest(error);
}

/** The server does not take this form of request, however often it is asked. */
function isUnknownRequest(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 400 || error.code === 422);
}
