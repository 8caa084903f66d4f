/** Which backend a client's address keeps, for a time after its last connection: sessionAffinity ClientIP, least clients. */

/** The most clients of one Service port that are remembered; the one that has been away longest is forgotten first. */
const MAX_CLIENTS = 100_000;

export class AffinityTable {
  /** By client address, the longest away first. */
  readonly #kept = new Map<string, { readonly backend: string; readonly at: number }>();
  readonly #clients = new Map<string, number>();

  /** The name of the backend that `client` had at most `seconds` before `now` (milliseconds). */
  find(client: string, seconds: number, now: number): string | undefined {
    const kept = this.#kept.get(client);
    return kept !== undefined && now - kept.at <= seconds * 1000 ? kept.backend : undefined;
  }

  /** `client` connects to `backend` at `now`. */
  keep(client: string, backend: string, seconds: number, now: number): void {
    this.#put(client, backend, now);
    // Two at most, so that one connection never pays for many, and the table still shrinks.
    for (let i = 0; i < 2; i++) {
      const oldest = this.#kept.entries().next().value;
      if (oldest === undefined) return;
      if (now - oldest[1].at <= seconds * 1000 && this.#kept.size <= MAX_CLIENTS) return;
      this.#remove(oldest[0]);
    }
  }

  /** Forgets all who were away for longer than `seconds` at `now`. */
  expire(seconds: number, now: number): void {
    for (const [client, { at }] of this.#kept) {
      if (now - at <= seconds * 1000) return;
      this.#remove(client);
    }
  }

  /** How many clients have the backend, those who were away too long and are not forgotten yet among them. */
  clients(backend: string): number {
    return this.#clients.get(backend) ?? 0;
  }

  /** Each client, its backend, and the milliseconds since its last connection. */
  entries(now: number): (readonly [client: string, backend: string, age: number])[] {
    return Array.from(this.#kept, ([client, { backend, at }]) => [client, backend, now - at] as const);
  }

  /** Takes in what {@link entries} of another process gave. */
  restore(entries: readonly (readonly [client: string, backend: string, age: number])[], now: number): void {
    for (const [client, backend, age] of entries) this.#put(client, backend, now - age);
  }

  #put(client: string, backend: string, at: number): void {
    this.#remove(client);
    this.#kept.set(client, { backend, at });
    this.#clients.set(backend, this.clients(backend) + 1);
  }

  #remove(client: string): void {
    const kept = this.#kept.get(client);
    if (kept === undefined) return;
    this.#kept.delete(client);
    const left = this.clients(kept.backend) - 1;
    if (left === 0) this.#clients.delete(kept.backend);
    else this.#clients.set(kept.backend, left);
  }
}
