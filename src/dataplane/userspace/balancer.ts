/** Which backend is next: the four ways of a VirtualPort's `balance`, over the backends of one Choice. */
import { hashText, maglev, maglevSize } from "../maglev.ts";
import type { Balance } from "../table.ts";
import type { Target } from "./target.ts";

export interface Client {
  readonly address: string;
  readonly port: number;
}

export interface Balancer {
  /**
   * A backend that is not among `tried`; undefined if there is none. `client` is for the hashes alone, which need
   * their part of it.
   */
  pick(client: Client | undefined, tried: ReadonlySet<Target> | undefined): Target | undefined;
}

/** `random` gives 0 to below 1. */
export function createBalancer(balance: Balance, targets: readonly Target[], random: () => number): Balancer {
  switch (balance) {
    case "round-robin":
      return isEqual(targets) ? new RoundRobin(targets, random) : new WeightedRoundRobin(targets);
    case "source":
      return new SourceHash(targets, ({ address }) => address);
    case "source-port":
      return new SourceHash(targets, ({ address, port }) => `${address}|${port}`);
    case "random":
    default:
      return new RandomBalancer(targets, random);
  }
}

function isEqual(targets: readonly Target[]): boolean {
  return targets.every(({ weight }) => weight === targets[0]!.weight);
}

/** Each backend as likely as its weight says, whatever came before. */
class RandomBalancer implements Balancer {
  readonly #targets: readonly Target[];
  readonly #random: () => number;
  readonly #isEqual: boolean;

  constructor(targets: readonly Target[], random: () => number) {
    this.#targets = targets;
    this.#random = random;
    this.#isEqual = isEqual(targets);
  }

  pick(_client: Client | undefined, tried: ReadonlySet<Target> | undefined): Target | undefined {
    const targets =
      tried === undefined ? this.#targets : this.#targets.filter((target) => !tried.has(target));
    if (this.#isEqual) return targets[Math.floor(this.#random() * targets.length)];
    let rest = this.#random() * targets.reduce((sum, { weight }) => sum + weight, 0);
    return targets.find(({ weight }) => (rest -= weight) < 0) ?? targets.at(-1);
  }
}

/** Each in turn, from a random one on, so that many nodes do not all begin with the same. */
class RoundRobin implements Balancer {
  readonly #targets: readonly Target[];
  #next: number;

  constructor(targets: readonly Target[], random: () => number) {
    this.#targets = targets;
    this.#next = Math.floor(random() * targets.length);
  }

  pick(_client: Client | undefined, tried: ReadonlySet<Target> | undefined): Target | undefined {
    for (let i = 0; i < this.#targets.length; i++) {
      const target = this.#targets[this.#next]!;
      this.#next = (this.#next + 1) % this.#targets.length;
      if (tried?.has(target) !== true) return target;
    }
    return undefined;
  }
}

/**
 * Each as often as its weight, and the turns of a heavy one spread among the others': nginx's smooth weighted round
 * robin (commit 52327e0627f4).
 */
class WeightedRoundRobin implements Balancer {
  readonly #turns: { readonly target: Target; owed: number }[];

  constructor(targets: readonly Target[]) {
    this.#turns = targets.map((target) => ({ target, owed: 0 }));
  }

  pick(_client: Client | undefined, tried: ReadonlySet<Target> | undefined): Target | undefined {
    let best: { readonly target: Target; owed: number } | undefined;
    let sum = 0;
    for (const turn of this.#turns) {
      if (tried?.has(turn.target) === true) continue;
      sum += turn.target.weight;
      turn.owed += turn.target.weight;
      if (best === undefined || turn.owed > best.owed) best = turn;
    }
    if (best !== undefined) best.owed -= sum;
    return best?.target;
  }
}

/** The backend that the client's place in a Maglev table has; those that were tried are passed over by going on in it. */
class SourceHash implements Balancer {
  readonly #targets: readonly Target[];
  readonly #places: readonly number[];
  readonly #key: (client: Client) => string;

  constructor(targets: readonly Target[], key: (client: Client) => string) {
    this.#targets = targets;
    this.#places = maglev(
      targets.map(({ name, weight }) => ({ key: name, weight })),
      maglevSize(targets.length),
    );
    this.#key = key;
  }

  pick(client: Client | undefined, tried: ReadonlySet<Target> | undefined): Target | undefined {
    if (client === undefined) throw new Error("a consistent hash needs the client's address");
    const size = this.#places.length;
    const start = hashText(this.#key(client), 0) % Math.max(size, 1);
    for (let i = 0; i < size; i++) {
      const target = this.#targets[this.#places[(start + i) % size]!]!;
      if (tried?.has(target) !== true) return target;
    }
    return undefined;
  }
}
