/** Lets a bounded number of works start in each turn of the event loop; the others in the next ones, first come, first served. */
export class StartGate {
  readonly #perTurn: number;
  #started = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(perTurn: number) {
    this.#perTurn = perTurn;
  }

  /** Resolves when it is the caller's turn to start. */
  async pass(): Promise<void> {
    if (this.#started === 0) setImmediate(this.#nextTurn);
    if (this.#started++ < this.#perTurn) return;
    await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }

  readonly #nextTurn = (): void => {
    const next = this.#waiting.splice(0, this.#perTurn);
    this.#started = next.length;
    if (next.length > 0) setImmediate(this.#nextTurn);
    for (const start of next) start();
  };
}
