/**
 * Very many small works that are woken together, such as one change told to a thousand watches: done one after the other
 * in turns of the event loop, so that everything else gets in between. First come, first served.
 */

/** How long these works may take together in a turn, milliseconds. A work is not cut: it must be short itself. */
const TURN = 8;

export interface SmallWork {
  /** Must not throw. */
  run(): void;
}

export class FanOut {
  #works: SmallWork[] = [];
  #next = 0;
  /** Whether somebody will call {@link #run} without being asked. */
  #awake = false;
  /** Of this turn, milliseconds. A thousand works that are added one by one share one turn, too. */
  #left = TURN;
  #renewing = false;

  /** Runs `work` when what was added before has run; not before the caller has returned. */
  add(work: SmallWork): void {
    this.#works.push(work);
    if (this.#awake) return;
    this.#awake = true;
    // All that is woken by the same event is there by then. Who has no time left is woken by the next turn.
    if (this.#left > 0) queueMicrotask(this.#run);
  }

  readonly #run = (): void => {
    if (!this.#renewing) {
      this.#renewing = true;
      setImmediate(this.#renew);
    }
    const began = performance.now();
    const until = began + this.#left;
    let now = began;
    while (this.#next < this.#works.length && now < until) {
      this.#works[this.#next++]!.run();
      now = performance.now();
    }
    this.#left -= now - began;
    if (this.#next >= this.#works.length) {
      this.#works = [];
      this.#next = 0;
      this.#awake = false;
    } else if (this.#next > this.#works.length / 2) {
      // What is done is let go of, when it is worth the copying.
      this.#works = this.#works.slice(this.#next);
      this.#next = 0;
    }
  };

  readonly #renew = (): void => {
    this.#renewing = false;
    this.#left = TURN;
    if (this.#awake) this.#run();
  };
}
