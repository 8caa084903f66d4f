/**
 * Many small works that are woken together, a bounded number in each turn of the event loop, so that what else waits is
 * not kept waiting by all of them. First come, first served.
 */
export class TurnGate {
  readonly #perTurn: number;
  /** Let through in this turn. */
  #passed = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(perTurn: number) {
    this.#perTurn = perTurn;
  }

  /** Undefined: go on at once. Else resolves in the turn that has room. */
  pass(): Promise<void> | undefined {
    if (this.#passed === 0) setImmediate(() => this.#nextTurn());
    if (this.#passed < this.#perTurn) {
      this.#passed++;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #nextTurn(): void {
    const next = this.#waiting.splice(0, this.#perTurn);
    this.#passed = next.length;
    if (next.length > 0) setImmediate(() => this.#nextTurn());
    for (const resume of next) resume();
  }
}
