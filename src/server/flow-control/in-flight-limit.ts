/**
 * At most so many requests under way at once. Those beyond wait, in order for each user, the users in turn: a user who
 * asks for much waits behind their own requests and nobody else does. When too many wait, the newest of the user with the
 * most is refused.
 */
export interface InFlightOptions {
  /** Requests under way at once. */
  readonly limit: number;
  /** Requests that may wait, of all users together. */
  readonly queue: number;
}

interface Waiting {
  readonly user: string;
  admit(): void;
  refuse(): void;
}

export class InFlightLimit {
  readonly #options: InFlightOptions;
  /** Who is next is first; each user's requests in the order of arrival. No user here has none. */
  readonly #queues = new Map<string, Set<Waiting>>();
  #underWay = 0;
  #waiting = 0;

  constructor(options: InFlightOptions) {
    this.#options = options;
  }

  get underWay(): number {
    return this.#underWay;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Resolves to true when the request may go on: then {@link leave} must be called once. False: there were too many, or
   * it waited for `patience` milliseconds, or `signal` aborted. At once where there is room. `always`: counted, but
   * never kept waiting.
   */
  enter(
    user: string,
    { signal, patience, always }: { signal: AbortSignal; patience: number; always: boolean },
  ): boolean | Promise<boolean> {
    if (always || this.#underWay < this.#options.limit) {
      this.#underWay++;
      return true;
    }
    if (signal.aborted) return false;
    return new Promise((resolve) => {
      const settle = (admitted: boolean): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", giveUp);
        this.#remove(waiting);
        resolve(admitted);
      };
      const giveUp = (): void => settle(false);
      const waiting: Waiting = { user, admit: () => settle(true), refuse: giveUp };
      const timer = setTimeout(giveUp, patience);
      signal.addEventListener("abort", giveUp, { once: true });
      this.#add(waiting);
    });
  }

  /** The request is done: the next one goes on. */
  leave(): void {
    this.#underWay--;
    if (this.#underWay >= this.#options.limit) return;
    for (const [user, queue] of this.#queues) {
      // To the end, for its next turn.
      this.#queues.delete(user);
      this.#queues.set(user, queue);
      const [next] = queue;
      this.#underWay++;
      next!.admit();
      return;
    }
  }

  #add(waiting: Waiting): void {
    let queue = this.#queues.get(waiting.user);
    if (queue === undefined) this.#queues.set(waiting.user, (queue = new Set()));
    queue.add(waiting);
    this.#waiting++;
    if (this.#waiting > this.#options.queue) this.#longest(queue).at(-1)!.refuse();
  }

  /** The longest queue; `own` where others are no longer. */
  #longest(own: Set<Waiting>): Waiting[] {
    let longest = own;
    for (const queue of this.#queues.values()) if (queue.size > longest.size) longest = queue;
    return [...longest];
  }

  #remove(waiting: Waiting): void {
    const queue = this.#queues.get(waiting.user);
    if (queue?.delete(waiting) !== true) return;
    this.#waiting--;
    if (queue.size === 0) this.#queues.delete(waiting.user);
  }
}
