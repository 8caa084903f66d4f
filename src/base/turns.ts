/**
 * Long work in short turns: others get the event loop in between, and of several such works only one runs in each turn
 * of the event loop, so that many at once are no longer a wait than one.
 */

/** How long a work holds the event loop at once, milliseconds. */
const TURN = 8;

const waiting: (() => void)[] = [];
let scheduled = false;

function runNext(): void {
  waiting.shift()?.();
  scheduled = waiting.length > 0;
  if (scheduled) setImmediate(runNext);
}

/** `if (turns.over) await turns.next();` after each step of the work. */
export class Turns {
  #began = performance.now();

  /** Whether this work has had the event loop for long enough. */
  get over(): boolean {
    return performance.now() - this.#began > TURN;
  }

  /** Resolves when it is this work's turn again. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (!scheduled) setImmediate(runNext);
      scheduled = true;
    });
    this.#began = performance.now();
  }
}
