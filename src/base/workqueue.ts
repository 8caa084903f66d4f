/**
 * Work by key: each key is worked on by one worker at a time, and however often it is added while it waits, once.
 *
 * What is added in one turn of the event loop is started right after it, so the events of a turn make one piece of
 * work; there is no timer on this path. A key that fails comes back after a growing pause, or when it is added again.
 */
import { type Log, silentLog } from "./log.ts";
import { backoffDelay, type BackoffOptions } from "./backoff.ts";

/** One finished piece of work. Durations in milliseconds. */
export interface WorkDone {
  readonly key: string;
  /** From the first `add` to the start. */
  readonly waited: number;
  readonly took: number;
  /** undefined: it worked. */
  readonly error: unknown;
}

export interface WorkQueueOptions {
  /** For the log: "endpointslice". */
  readonly name: string;
  /** Brings the world to what the key should be. Called again later when it rejects. */
  readonly work: (key: string) => Promise<void>;
  /** Keys worked on at the same time. @default 16 */
  readonly concurrency?: number;
  /** @default 5 ms doubling to 30 s */
  readonly backoff?: BackoffOptions;
  readonly log?: Log;
  readonly onDone?: (done: WorkDone) => void;
  /** Drops what waits. Work under way goes on to its end. */
  readonly signal: AbortSignal;
}

export interface WorkQueue {
  /** Does nothing after the signal has aborted. */
  add(key: string): void;
  /** Keys that wait to be started, pauses after failures included. */
  readonly waiting: number;
  readonly active: number;
  /** Resolves when nothing waits and nothing is under way: after an abort, when the last work has ended. */
  idle(): Promise<void>;
}

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { name, work, signal, concurrency = 16, log = silentLog } = options;
  const backoff: BackoffOptions = { initial: 5, ...options.backoff };
  /** When each waiting key was added, in order. */
  const queued = new Map<string, number>();
  const active = new Set<string>();
  const failures = new Map<string, number>();
  const pauses = new Map<string, NodeJS.Timeout>();
  const idlers: (() => void)[] = [];
  let scheduled = false;

  function add(key: string): void {
    if (signal.aborted) return;
    clearTimeout(pauses.get(key));
    pauses.delete(key);
    if (!queued.has(key)) queued.set(key, performance.now());
    schedule();
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(start);
  }

  function start(): void {
    scheduled = false;
    for (const [key, since] of queued) {
      if (active.size >= concurrency) return;
      // Added while it is worked on: its turn comes when that has ended.
      if (active.has(key)) continue;
      queued.delete(key);
      active.add(key);
      void run(key, since);
    }
    settle();
  }

  async function run(key: string, since: number): Promise<void> {
    const started = performance.now();
    let error: unknown;
    try {
      await work(key);
      failures.delete(key);
    } catch (err) {
      error = err ?? new Error("rejected without a reason");
      failed(key, err);
    }
    active.delete(key);
    try {
      options.onDone?.({ key, waited: started - since, took: performance.now() - started, error });
    } catch (err) {
      log.error({ err, queue: name }, "the observer of a work queue failed");
    }
    if (queued.size > 0) schedule();
    else settle();
  }

  function failed(key: string, err: unknown): void {
    const count = (failures.get(key) ?? 0) + 1;
    failures.set(key, count);
    const delay = backoffDelay(count, backoff);
    // A lost race (409) is everyday; what goes on failing is for people.
    log[count < 3 ? "debug" : "warn"]({ err, queue: name, key, count, delay }, "work failed, trying again");
    if (signal.aborted || queued.has(key)) return;
    pauses.set(
      key,
      setTimeout(() => add(key), delay),
    );
  }

  function settle(): void {
    if (active.size + queued.size + pauses.size > 0) return;
    for (const resolve of idlers.splice(0)) resolve();
  }

  function abandon(): void {
    for (const pause of pauses.values()) clearTimeout(pause);
    pauses.clear();
    queued.clear();
    settle();
  }
  if (signal.aborted) abandon();
  else signal.addEventListener("abort", abandon, { once: true });

  return {
    add,
    get waiting() {
      return queued.size + pauses.size;
    },
    get active() {
      return active.size;
    },
    idle() {
      const { promise, resolve } = Promise.withResolvers<void>();
      idlers.push(resolve);
      settle();
      return promise;
    },
  };
}
