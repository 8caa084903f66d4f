/** A Store that lives and dies with the process: for tests, and for what need not outlast it. */
import { planCommit } from "../commit.ts";
import { compactRegularly, type RetentionOptions } from "../retention.ts";
import {
  type Entry,
  type ListOptions,
  type ListResult,
  type Operation,
  type Revision,
  type Store,
  StoreClosedError,
  type Watch,
} from "../store.ts";
import { VersionedState } from "./versioned-state.ts";

export interface MemoryStoreOptions {
  readonly retention?: RetentionOptions;
}

/** An empty store. Nothing is durable: a commit resolves as soon as it is done. */
export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options);
}

class MemoryStore implements Store {
  readonly #state = new VersionedState();
  readonly #compactor: Disposable;
  #closed = false;

  constructor({ retention = {} }: MemoryStoreOptions) {
    this.#compactor = compactRegularly(this, retention, (error) => {
      // Compacting memory fails only by a mistake in this program.
      throw error;
    });
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

  async commit(operations: readonly Operation[]): Promise<Revision> {
    const state = this.#opened();
    state.apply(planCommit(operations, state.revision + 1, (key) => state.get(key)));
    return state.revision;
  }

  watch(prefix: string, since: Revision): Watch {
    return this.#opened().watch(prefix, since);
  }

  async compact(revision: Revision): Promise<void> {
    this.#opened().compact(revision);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#compactor[Symbol.dispose]();
    this.#state.close();
  }

  #opened(): VersionedState {
    if (this.#closed) throw new StoreClosedError();
    return this.#state;
  }
}
