/** Which backend is next: each in turn, so that of n connections every backend gets n/backends, one more or less. */
import type { Backend } from "../table.ts";

/** "10.0.0.1:80", "[fd00::1]:80". */
export function backendName({ address, port }: Backend): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

export class Rotation {
  #backends: readonly Backend[] = [];
  #names: ReadonlySet<string> = new Set();
  #next = 0;
  readonly #random: () => number;

  /** `random` (0 to below 1) chooses where to begin, so that many agents do not all begin with the same backend. */
  constructor(random: () => number) {
    this.#random = random;
  }

  get size(): number {
    return this.#backends.length;
  }

  has(backend: Backend): boolean {
    return this.#names.has(backendName(backend));
  }

  /** Replaces the backends; false if they are the same as before, in whatever order. */
  replace(backends: readonly Backend[]): boolean {
    const names = new Set(backends.map(backendName));
    if (names.size === this.#names.size && names.isSubsetOf(this.#names)) return false;
    this.#backends = backends;
    this.#names = names;
    this.#next = Math.floor(this.#random() * backends.length);
    return true;
  }

  /** Undefined if there are none. */
  take(): Backend | undefined {
    const backend = this.#backends[this.#next];
    this.#next = (this.#next + 1) % Math.max(this.#backends.length, 1);
    return backend;
  }
}
