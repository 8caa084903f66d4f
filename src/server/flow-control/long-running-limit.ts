/**
 * How much each user, and all together, may hold open for long: connections, watches. Whoever is in system:masters has
 * bounds apart, so that the others cannot keep them out.
 */
import { SYSTEM_MASTERS } from "../authorization/policy.ts";
import type { UserInfo } from "../registry.ts";

export interface HoldBounds {
  readonly perUser: number;
  /** Of all users who are not in system:masters together. */
  readonly all: number;
}

/** How many times as much members of system:masters may hold. */
const MASTERS_FACTOR = 2;

/** One thing held open. */
export interface Hold {
  /** When it ends; the second time does nothing. */
  release(): void;
}

/** Which bound there is no room in. */
export type Exceeded = "user" | "all";

export class LongRunningLimit {
  readonly #bounds: HoldBounds;
  /** Masters' and others'; no user here holds none. */
  readonly #held = { masters: new Map<string, number>(), others: new Map<string, number>() };
  readonly #all = { masters: 0, others: 0 };

  constructor(bounds: HoldBounds) {
    this.#bounds = bounds;
  }

  /** How many there are of everybody. */
  get held(): number {
    return this.#all.masters + this.#all.others;
  }

  hold({ name, groups }: UserInfo): Hold | Exceeded {
    const master = groups.includes(SYSTEM_MASTERS);
    const side = master ? "masters" : "others";
    const factor = master ? MASTERS_FACTOR : 1;
    const users = this.#held[side];
    const own = users.get(name) ?? 0;
    if (own >= this.#bounds.perUser * factor) return "user";
    if (this.#all[side] >= this.#bounds.all * factor) return "all";
    users.set(name, own + 1);
    this.#all[side]++;
    let released = false;
    return {
      release: () => {
        if (released) return;
        released = true;
        this.#all[side]--;
        const left = users.get(name)! - 1;
        if (left === 0) users.delete(name);
        else users.set(name, left);
      },
    };
  }
}
