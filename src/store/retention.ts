/** How long history is kept: the automatic compaction of both implementations. */
import type { Revision } from "./store.ts";

export interface RetentionOptions {
  /** The newest revisions that are kept whatever their age. @default 1000 */
  readonly minRevisions?: number;
  /** How long every revision is kept, in milliseconds, unless there are more than `maxRevisions`. @default 300_000 (5 minutes, as kube-apiserver compacts etcd) */
  readonly minAgeMs?: number;
  /** The most revisions that are kept whatever their age: what bounds memory. @default 50_000 */
  readonly maxRevisions?: number;
  /** How often it is checked, in milliseconds. 0: never, only `compact` forgets. @default 10_000 */
  readonly intervalMs?: number;
}

/** Decides what may be forgotten from when it saw which revision. Pure: the clock comes in with each call. */
export class Retention {
  readonly #options: Required<RetentionOptions>;
  /** What the newest revision was at some times, ascending. */
  #marks: { readonly time: number; readonly revision: Revision }[] = [];

  constructor(options: RetentionOptions = {}) {
    this.#options = {
      minRevisions: 1000,
      minAgeMs: 300_000,
      maxRevisions: 50_000,
      intervalMs: 10_000,
      ...options,
    };
  }

  get intervalMs(): number {
    return this.#options.intervalMs;
  }

  /** Notes that `revision` is the newest at `now` (milliseconds of any clock), and tells up to where to compact. */
  compactTo(now: number, revision: Revision): Revision {
    const { minRevisions, minAgeMs, maxRevisions } = this.#options;
    const old = this.#marks.findLastIndex((mark) => mark.time <= now - minAgeMs);
    const oldEnough = this.#marks[old]?.revision ?? 0;
    this.#marks = [...this.#marks.slice(Math.max(old, 0)), { time: now, revision }];
    return Math.max(Math.min(oldEnough, revision - minRevisions), revision - maxRevisions, 0);
  }
}

interface Compactable {
  readonly revision: Revision;
  readonly compactedRevision: Revision;
  compact(revision: Revision): Promise<void>;
}

/**
 * Compacts `store` by the clock until disposed. It does not keep the process alive. A compaction that fails is told
 * to `onError` and tried again at the next interval.
 */
export function compactRegularly(
  store: Compactable,
  options: RetentionOptions,
  onError: (error: unknown) => void,
): Disposable {
  const retention = new Retention(options);
  let running = false;
  const check = async (): Promise<void> => {
    const target = retention.compactTo(performance.now(), store.revision);
    if (running || target <= store.compactedRevision) return;
    running = true;
    try {
      await store.compact(target);
    } catch (error) {
      onError(error);
    } finally {
      running = false;
    }
  };
  const timer = retention.intervalMs > 0 ? setInterval(() => void check(), retention.intervalMs) : undefined;
  timer?.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
