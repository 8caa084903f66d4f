/**
 * A store whose commits are in a journal before anybody can see them.
 *
 * A commit is worked out at once, on top of all that are under way before it, and joins the batch that is gathering.
 * One batch at a time is being written; all that gathered meanwhile are the next: one transaction, one fsync. When
 * a batch is durable its commits become visible, in order, and are acknowledged. So no reader sees a revision that
 * a crash could take back, and a batch that fails leaves no trace: its revisions are given out again.
 */
import { eventKey, planCommit } from "../commit.ts";
import { VersionedState } from "../memory/versioned-state.ts";
import { compactRegularly, type RetentionOptions } from "../retention.ts";
import {
  ConflictError,
  type Entry,
  FutureRevisionError,
  type ListOptions,
  type ListResult,
  type Operation,
  type Revision,
  type Store,
  StoreClosedError,
  type StoreEvent,
  type Watch,
} from "../store.ts";
import { StoreWriteError } from "./errors.ts";
import type { Journal, JournalContent, JournalRow, JournalRowName } from "./journal.ts";
import { restore } from "./restore.ts";

export interface DurableStoreOptions {
  readonly retention?: RetentionOptions;
  /** Told of an automatic compaction that failed; it is tried again later. */
  readonly onCompactionError?: (error: unknown) => void;
}

/** How many rows one transaction of a compaction removes: commits wait for no longer than that takes (about 1 ms). */
const COMPACTION_CHUNK = 500;

/** Commits that share one flush. */
interface Batch {
  readonly commits: (readonly StoreEvent[])[];
  readonly durable: PromiseWithResolvers<void>;
}

export class DurableStore implements Store {
  readonly #journal: Journal;
  readonly #state = new VersionedState();
  readonly #compactor: Disposable;
  /** What keys will hold once everything under way is durable; undefined: nothing. */
  readonly #pending = new Map<string, { readonly revision: Revision; readonly entry: Entry | undefined }>();
  /** The newest revision given out. */
  #planned: Revision;
  #gathering: Batch | undefined;
  #writing: Batch | undefined;
  #compaction: Promise<void> = Promise.resolve();
  #failure: StoreWriteError | undefined;
  #closing: Promise<void> | undefined;

  /** A store with what the journal held, `content`. It owns the journal. */
  constructor(journal: Journal, content: JournalContent, options: DurableStoreOptions = {}) {
    this.#journal = journal;
    const leftOver = restore(this.#state, content);
    this.#planned = this.#state.revision;
    const onError = options.onCompactionError ?? (() => undefined);
    this.#compactor = compactRegularly(this, options.retention ?? {}, onError);
    if (leftOver.length > 0) this.#compaction = this.#forget(content.compacted, leftOver).catch(onError);
  }

  get revision(): Revision {
    return this.#state.revision;
  }

  get compactedRevision(): Revision {
    return this.#state.compactedRevision;
  }

  async get(key: string): Promise<Entry | undefined> {
    return this.#opened().get(key);
  }

  async list(prefix: string, options?: ListOptions): Promise<ListResult> {
    return this.#opened().list(prefix, options);
  }

  watch(prefix: string, since: Revision): Watch {
    return this.#opened().watch(prefix, since);
  }

  /** Throws StoreWriteError if it could not be made durable: nothing has changed then. */
  async commit(operations: readonly Operation[]): Promise<Revision> {
    this.#opened();
    if (this.#failure !== undefined) throw this.#failure;
    const underWay = this.#gathering ?? this.#writing;
    let events: readonly StoreEvent[];
    try {
      events = planCommit(operations, this.#planned + 1, (key) => this.#soon(key));
    } catch (error) {
      // A conflict with a commit that is under way is one only when that has become durable, and tells what it wrote.
      if (error instanceof ConflictError) await underWay?.durable.promise;
      throw error;
    }
    if (events.length === 0) {
      const revision = this.#planned;
      await underWay?.durable.promise;
      return revision;
    }
    const revision = ++this.#planned;
    for (const event of events)
      this.#pending.set(eventKey(event), { revision, entry: event.type === "put" ? event.entry : undefined });
    await this.#join(events);
    return revision;
  }

  async compact(revision: Revision): Promise<void> {
    this.#opened();
    if (revision > this.revision) throw new FutureRevisionError(revision, this.revision);
    const compaction = this.#compaction.then(async () => this.#compact(revision));
    // The next one is not to fail because this one did.
    this.#compaction = compaction.catch(() => undefined);
    await compaction;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  #opened(): VersionedState {
    if (this.#closing !== undefined) throw new StoreClosedError();
    return this.#state;
  }

  #soon(key: string): Entry | undefined {
    const pending = this.#pending.get(key);
    return pending === undefined ? this.#state.get(key) : pending.entry;
  }

  // oxlint-disable-next-line typescript/promise-function-async -- passes a promise on
  #join(events: readonly StoreEvent[]): Promise<void> {
    if (this.#gathering === undefined) {
      this.#gathering = { commits: [], durable: Promise.withResolvers() };
      // At the end of this turn: all commits of the requests that arrived together share the flush.
      if (this.#writing === undefined) setImmediate(() => void this.#flush());
    }
    this.#gathering.commits.push(events);
    return this.#gathering.durable.promise;
  }

  /** Writes batches until nothing gathers any more. */
  async #flush(): Promise<void> {
    while (this.#gathering !== undefined) {
      const batch = this.#gathering;
      this.#gathering = undefined;
      this.#writing = batch;
      try {
        await this.#journal.write(batch.commits.flatMap((events) => events.map(journalRow)));
      } catch (error) {
        this.#fail(batch, error);
        continue;
      }
      for (const events of batch.commits) this.#publish(events);
      this.#writing = undefined;
      batch.durable.resolve();
    }
  }

  #publish(events: readonly StoreEvent[]): void {
    this.#state.apply(events);
    for (const event of events) {
      const key = eventKey(event);
      if (this.#pending.get(key)?.revision === event.revision) this.#pending.delete(key);
    }
  }

  /** Refuses the batch, and the one that builds on it. */
  #fail(batch: Batch, error: unknown): void {
    const failure =
      error instanceof StoreWriteError
        ? error
        : new StoreWriteError(`writing the store failed: ${String(error)}`, true, { cause: error });
    if (failure.isFinal) this.#failure = failure;
    const building = this.#gathering;
    this.#gathering = undefined;
    this.#writing = undefined;
    this.#pending.clear();
    this.#planned = this.#state.revision;
    batch.durable.reject(failure);
    building?.durable.reject(failure);
  }

  async #compact(revision: Revision): Promise<void> {
    if (revision <= this.compactedRevision) return;
    const superseded: JournalRowName[] = [];
    for (const event of this.#state.eventsUpTo(revision)) {
      const { previous } = event;
      if (previous !== undefined) superseded.push({ revision: previous.modRevision, key: previous.key });
      if (event.type === "delete") superseded.push({ revision: event.revision, key: event.previous.key });
    }
    await this.#forget(revision, superseded);
  }

  /** The journal first: it may have forgotten what memory still has, never the other way round. */
  async #forget(revision: Revision, rows: readonly JournalRowName[]): Promise<void> {
    await this.#journal.forget(revision, rows.slice(0, COMPACTION_CHUNK));
    this.#state.compact(revision);
    for (let start = COMPACTION_CHUNK; start < rows.length; start += COMPACTION_CHUNK)
      await this.#journal.forget(revision, rows.slice(start, start + COMPACTION_CHUNK));
  }

  async #close(): Promise<void> {
    this.#compactor[Symbol.dispose]();
    await (this.#gathering ?? this.#writing)?.durable.promise.catch(() => undefined);
    await this.#compaction;
    this.#state.close();
    await this.#journal.close();
  }
}

function journalRow(event: StoreEvent): JournalRow {
  if (event.type === "delete")
    return { revision: event.revision, key: event.previous.key, value: NOTHING, createRevision: 0 };
  const { key, value, createRevision, modRevision } = event.entry;
  return { revision: modRevision, key, value, createRevision };
}

const NOTHING = new Uint8Array();
