/** Whether and when an ended container is started again, as the kubelet decides it. */
import type { PodSpec } from "../../api/pod/type.ts";

export type RestartPolicy = NonNullable<PodSpec["restartPolicy"]>;

/** v1 PodSpec, field restartPolicy. */
export function shouldRestart(policy: RestartPolicy, exitCode: number): boolean {
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

/** In milliseconds. */
export interface RestartDelays {
  /** The first pause; each further one is twice as long. @default {10000} */
  readonly initial: number;
  /** The longest pause. @default {300000} */
  readonly limit: number;
  /** A container that ran this long has proved itself: counting starts again. @default {600000} */
  readonly reset: number;
}

/** The kubelet's: 10 s doubling to 5 min, forgotten after 10 min of running. */
export const KUBELET_DELAYS: RestartDelays = { initial: 10_000, limit: 300_000, reset: 600_000 };

/** Counts a container's ends. The first restart is at once. */
export class RestartBackoff {
  readonly #delays: RestartDelays;
  #ends = 0;

  constructor(delays: RestartDelays) {
    this.#delays = delays;
  }

  /** How many milliseconds to wait after a run of `ranFor` milliseconds. */
  ended(ranFor: number): number {
    if (ranFor >= this.#delays.reset) this.#ends = 0;
    this.#ends += 1;
    if (this.#ends === 1) return 0;
    return Math.min(this.#delays.limit, this.#delays.initial * 2 ** Math.min(this.#ends - 2, 30));
  }
}
