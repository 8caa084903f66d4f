/**
 * Deletes objects that nobody has written for a while: Events, which would fill the store otherwise (kube-apiserver's
 * --event-ttl). Upstream leaves it to leases of etcd, which any write of the object begins anew; so it is here, by a list
 * of keys in the order of their last write and one timer for the oldest.
 */
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import type { Log } from "../../base/log.ts";
import { ConflictError, type Revision, type Store, StoreClosedError } from "../../store/store.ts";
import { keyPrefix } from "./keys.ts";
import { decodeEntry } from "./stored-object.ts";

export interface ExpiryOptions<T extends KubeObject> {
  readonly store: Store;
  readonly kind: Kind<T>;
  /** Milliseconds that an object stays after its last write. */
  readonly lifetime: number;
  /**
   * When an object that was there before us was written last, in milliseconds since the epoch, as far as it says so
   * itself. What is in the future counts as now.
   */
  readonly lastWritten: (object: T) => number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly log: Log;
}

/** Objects that expire in the same moment are deleted together, in portions of this many. */
const PORTION = 100;
/** Milliseconds between two rounds, at least: a burst of events is a few rounds a second later, not a timer each. */
const PAUSE = 1000;

interface Written {
  readonly at: number;
  readonly revision: Revision;
}

/** Ends when disposed. Reads what is stored first, so it may take a moment to start. */
export async function startExpiry<T extends KubeObject>(options: ExpiryOptions<T>): Promise<AsyncDisposable> {
  const { store, kind, lastWritten, clock, log } = options;
  const prefix = keyPrefix(kind);
  const queue = new ExpiryQueue(options);
  const { entries, revision } = await store.list(prefix);
  const now = clock();
  const found = entries.map((entry) => ({
    key: entry.key,
    at: Math.min(now, lastWritten(decodeEntry(kind, entry))),
    revision: entry.modRevision,
  }));
  for (const { key, ...written } of found.sort((a, b) => a.at - b.at)) queue.touch(key, written);
  const watch = store.watch(prefix, revision);
  const run = async (): Promise<void> => {
    try {
      for await (const events of watch)
        for (const event of events)
          if (event.type === "delete") queue.forget(event.previous.key);
          else queue.touch(event.entry.key, { at: clock(), revision: event.revision });
    } catch (error) {
      log.error({ err: error }, `expiry of ${kind.plural} has stopped; restart fairlead`);
    }
  };
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      watch.close();
      await running;
      await queue.close();
    },
  };
}

class ExpiryQueue<T extends KubeObject> {
  readonly #options: ExpiryOptions<T>;
  /** In the order of their last write: a Map keeps that of insertion. */
  readonly #written = new Map<string, Written>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #closed = false;

  constructor(options: ExpiryOptions<T>) {
    this.#options = options;
  }

  touch(key: string, written: Written): void {
    this.#written.delete(key);
    this.#written.set(key, written);
    this.#plan();
  }

  forget(key: string): void {
    this.#written.delete(key);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  /** Sets the timer for the oldest, if none is set: one that has been written since makes it ring in vain, once. */
  #plan(): void {
    if (this.#timer !== undefined || this.#round !== undefined || this.#closed) return;
    const oldest = this.#written.values().next().value;
    if (oldest === undefined) return;
    const { lifetime, clock } = this.#options;
    const wait = Math.min(Math.max(oldest.at + lifetime - clock(), PAUSE), 2 ** 31 - 1);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#round = this.#sweep().finally(() => {
        this.#round = undefined;
        this.#plan();
      });
    }, wait).unref();
  }

  async #sweep(): Promise<void> {
    const { lifetime, clock } = this.#options;
    const due = clock() - lifetime;
    let portion: [string, Written][] = [];
    for (const [key, written] of this.#written) {
      if (written.at > due || this.#closed) break;
      portion.push([key, written]);
      if (portion.length < PORTION) continue;
      await this.#delete(portion);
      portion = [];
    }
    await this.#delete(portion);
  }

  async #delete(portion: readonly (readonly [string, Written])[]): Promise<void> {
    const { store, kind, log } = this.#options;
    const outcomes = await Promise.allSettled(
      portion.map(async ([key, { revision: expect }]) => store.commit([{ type: "delete", key, expect }])),
    );
    for (const [i, outcome] of outcomes.entries()) {
      const [key, { revision }] = portion[i]!;
      const error: unknown = outcome.status === "rejected" ? outcome.reason : undefined;
      if (error instanceof StoreClosedError) return;
      // A conflict means that it was written or deleted just now, which the watch tells.
      if (error !== undefined && !(error instanceof ConflictError)) {
        log.error({ err: error }, `could not delete ${kind.plural} that have expired`);
        return;
      }
      if (this.#written.get(key)?.revision === revision) this.#written.delete(key);
    }
  }
}
