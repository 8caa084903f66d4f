/** Once a minute, tells watches how far they have come, so that an idle one can resume from a version that still exists. */
import type { Revision, Store } from "../../store/store.ts";

/** As kube-apiserver does it, milliseconds. */
export const BOOKMARK_INTERVAL = 60_000;

export interface BookmarkReader {
  tick(revision: Revision): void;
}

export class BookmarkClock implements Disposable {
  readonly #readers = new Set<BookmarkReader>();
  readonly #timer: NodeJS.Timeout;
  /**
   * The newest revision at the tick before. A watch that has been waiting since then has seen all of it: between two
   * ticks the store's own delivery, one turn of the event loop later, has long happened.
   */
  #previous: Revision;

  constructor(store: Pick<Store, "revision">, intervalMs: number) {
    this.#previous = store.revision;
    this.#timer = setInterval(() => {
      for (const reader of this.#readers) reader.tick(this.#previous);
      this.#previous = store.revision;
    }, intervalMs);
    this.#timer.unref();
  }

  add(reader: BookmarkReader): void {
    this.#readers.add(reader);
  }

  delete(reader: BookmarkReader): void {
    this.#readers.delete(reader);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#readers.clear();
  }
}
