/**
 * The Store contract: a flat, ordered map of keys to bytes with one revision counter over all of it.
 *
 * It is the part of etcd's data model that Kubernetes needs, so that etcd can implement it: every commit takes the
 * next revision; what was committed at a revision can be watched from any revision that has not been compacted away.
 */

/** Counts commits of the whole store, from 1. A safe integer. 0 is the empty store. */
export type Revision = number;

export interface Entry {
  readonly key: string;
  /** Never mutated by anyone: implementations hand out the same bytes to all readers. */
  readonly value: Uint8Array;
  /** The commit that created this key (since its last deletion). */
  readonly createRevision: Revision;
  /** The commit that wrote this value. */
  readonly modRevision: Revision;
}

/** One write of a commit. */
export type Operation =
  | {
      readonly type: "put";
      readonly key: string;
      readonly value: Uint8Array;
      /** The key's modRevision that this write builds on; 0: the key must not exist; absent: whatever is there. */
      readonly expect?: Revision;
    }
  | { readonly type: "delete"; readonly key: string; readonly expect?: Revision }
  /** Writes nothing: the others are refused unless the key is at this revision, or with 0 is not there. */
  | { readonly type: "check"; readonly key: string; readonly expect: Revision };

export interface ListOptions {
  /** The revision to read at; absent: the newest. Throws CompactedError when it is gone, FutureRevisionError when it is not there yet. */
  readonly revision?: Revision;
  /** The most entries to return; absent: all. */
  readonly limit?: number;
  /** Only keys after this one (the last of the page before). */
  readonly after?: string;
}

export interface ListResult {
  /** In ascending order of key (by UTF-16 code unit, which for the keys in use is byte order). */
  readonly entries: readonly Entry[];
  /** The revision the list is true at. */
  readonly revision: Revision;
  /** How many more entries there are past `limit`. */
  readonly remaining: number;
}

export interface PutEvent {
  readonly type: "put";
  readonly entry: Entry;
  /** What the key held before; absent if this created it. */
  readonly previous?: Entry;
  readonly revision: Revision;
}

export interface DeleteEvent {
  readonly type: "delete";
  readonly previous: Entry;
  readonly revision: Revision;
}

export type StoreEvent = PutEvent | DeleteEvent;

/**
 * What happened under a prefix, in order of revision, without gaps or repeats. Each item holds whole commits:
 * the events of one revision are never split over two items. Ends (done) when closed or when the store closes.
 * Throws CompactedError from `next` if the reader falls so far behind that events it needs were compacted.
 */
export interface Watch extends AsyncIterableIterator<readonly StoreEvent[], undefined>, Disposable {
  close(): void;
}

export interface Store extends AsyncDisposable {
  /** The newest revision that is durable. Nothing that reads or watches ever sees one that is not. */
  readonly revision: Revision;
  /** The oldest revision that can be listed at and watched from; 0 until the first compaction. */
  readonly compactedRevision: Revision;

  get(key: string): Promise<Entry | undefined>;
  /** Entries whose key starts with `prefix`. */
  list(prefix: string, options?: ListOptions): Promise<ListResult>;

  /**
   * All of the operations or none, at one new revision. Resolves when durable: an acknowledged commit survives
   * `kill -9` and power loss. A key may occur once (RangeError). Commits that are under way together share one flush
   * to disk, take effect in the order of the calls, and see each other's effects when `expect` is checked.
   * Throws ConflictError (nothing written) if an `expect` does not hold.
   * Deleting a key that does not exist, without `expect`, is no error; a commit that changes nothing takes no revision.
   */
  commit(operations: readonly Operation[]): Promise<Revision>;

  /** Events under `prefix` with a revision above `since`. Throws CompactedError if some of them are gone. */
  watch(prefix: string, since: Revision): Watch;

  /**
   * Forgets the events at and below `revision`; what was true at `revision` and since stays. A revision that is
   * already compacted is no error; one that is not there yet throws FutureRevisionError.
   */
  compact(revision: Revision): Promise<void>;

  /** Finishes what is under way, ends every watch (done) and lets go of files. Later calls throw StoreClosedError. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** An `expect` of a commit did not hold: somebody else wrote the key first. */
export class ConflictError extends Error {
  override readonly name = "ConflictError";
  readonly key: string;
  /** What is there now; undefined if the key does not exist. */
  readonly current: Entry | undefined;

  constructor(key: string, expected: Revision, current: Entry | undefined) {
    super(`${key} is at revision ${current?.modRevision ?? 0}, not ${expected}`);
    this.key = key;
    this.current = current;
  }
}

/** The revision asked for has been compacted away: list again and watch from there. */
export class CompactedError extends Error {
  override readonly name = "CompactedError";
  readonly requested: Revision;
  readonly compacted: Revision;

  constructor(requested: Revision, compacted: Revision) {
    super(`too old resource version: ${requested} (${compacted})`);
    this.requested = requested;
    this.compacted = compacted;
  }
}

/** The revision asked for has not been reached: it comes from another store, or from one restored to an earlier state. */
export class FutureRevisionError extends Error {
  override readonly name = "FutureRevisionError";
  readonly requested: Revision;
  readonly current: Revision;

  constructor(requested: Revision, current: Revision) {
    super(`Too large resource version: ${requested}, current: ${current}`);
    this.requested = requested;
    this.current = current;
  }
}

/** The store has been closed: a call came after `Symbol.asyncDispose`. */
export class StoreClosedError extends Error {
  override readonly name = "StoreClosedError";

  constructor() {
    super("the store is closed");
  }
}
