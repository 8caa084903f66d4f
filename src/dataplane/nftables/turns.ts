/**
 * Work that takes longer than the event loop may be held: a generator that yields wherever it can be left for a while, to
 * be run at once or over many turns of the event loop.
 */

/** How long other work waits for one turn of ours, in milliseconds. */
export const TURN = 5;

/** Work that was begun on grounds that are no more: it is of no use to anybody. */
export class OvertakenError extends Error {
  override readonly name = "OvertakenError";
}

export function atOnce<Result>(work: Generator<void, Result>): Result {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/**
 * Runs `work`, and whatever else there is to do every {@link TURN} milliseconds. `check` is called when our turn comes
 * again, before the work goes on, and may throw.
 */
export async function inTurns<Result>(work: Generator<void, Result>, check: () => void): Promise<Result> {
  let until = performance.now() + TURN;
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (performance.now() < until) continue;
    await nextTurn();
    check();
    until = performance.now() + TURN;
  }
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
