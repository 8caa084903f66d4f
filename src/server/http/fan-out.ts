/**
 * Very many small works that are woken together, such as one change told to a thousand watches: done one after the other
 * in turns of the event loop, so that everything else gets in between. First come, first served.
 */

/** How long a turn lasts, milliseconds. A work is not cut: it must be short itself. */
const TURN = 8;

export interface SmallWork {
  /** Must not throw. */
  run(): void;
}

export class FanOut {
  #works: SmallWork[] = [];
  #next = 0;
  #awake = false;

  /** Runs `work` when what was added before has run; not before the caller has returned. */
  add(work: SmallWork): void {
    this.#works.push(work);
    if (this.#awake) return;
    this.#awake = true;
    // All that is woken by the same event is there by then.
    queueMicrotask(this.#turn);
  }

  readonly #turn = (): void => {
    const until = performance.now() + TURN;
    while (this.#next < this.#works.length) {
      this.#works[this.#next++]!.run();
      if (performance.now() < until) continue;
      // What is done is let go of, when it is worth the copying.
      if (this.#next > this.#works.length / 2) {
        this.#works = this.#works.slice(this.#next);
        this.#next = 0;
      }
      setImmediate(this.#turn);
      return;
    }
    this.#works = [];
    this.#next = 0;
    this.#awake = false;
  };
}
