/**
 * How many requests are worked on at once: reading and changing ones apart, so that a flood of one kind leaves the other
 * alone (kube-apiserver's --max-requests-inflight and --max-mutating-requests-inflight).
 */
import { tooManyRequests } from "../../api/status-errors.ts";
import type { Attributes } from "../authorization/attributes.ts";
import { SYSTEM_MASTERS } from "../authorization/policy.ts";
import type { UserInfo } from "../registry.ts";
import { InFlightLimit } from "./in-flight-limit.ts";

export interface FlowControlOptions {
  /** @default 400 */
  readonly maxReading?: number;
  /** @default 200 */
  readonly maxChanging?: number;
  /** Requests of each of the two that may wait. @default four times as many as may be under way */
  readonly maxWaiting?: number;
}

const MAX_READING = 400;
const MAX_CHANGING = 200;
const WAITING_FACTOR = 4;
const RETRY_AFTER_SECONDS = 1;
const READING: ReadonlySet<string> = new Set(["get", "list", "watch", "head"]);
const HEALTH = /^\/(healthz|livez|readyz)(\/|$)/;

/** A place among the requests that are worked on. */
export interface Place {
  /** Does not count while it waits for `work`, which is the client's to finish: its body. Throws ApiError 429. */
  outside<T>(work: () => Promise<T>): Promise<T>;
  /** Once, when the request is done. */
  leave(): void;
}

export class FlowControl {
  readonly #reading: InFlightLimit;
  readonly #changing: InFlightLimit;

  constructor(options: FlowControlOptions = {}) {
    const limitOf = (limit: number): InFlightLimit =>
      new InFlightLimit({
        limit,
        queue: options.maxWaiting ?? limit * WAITING_FACTOR,
      });
    this.#reading = limitOf(options.maxReading ?? MAX_READING);
    this.#changing = limitOf(options.maxChanging ?? MAX_CHANGING);
  }

  /** Requests under way, for metrics. */
  get underWay(): { readonly readOnly: number; readonly mutating: number } {
    return { readOnly: this.#reading.underWay, mutating: this.#changing.underWay };
  }

  /**
   * A place for a request of `user`, at once or after waiting for one. Whoever is in system:masters need not wait: they
   * are who can end a flood. Watches are not counted: they last for hours and cost nothing in between; nor are probes of
   * health. `patience` is how many milliseconds it may wait. Throws ApiError 429.
   */
  async enter(
    user: UserInfo,
    attributes: Attributes,
    { signal, patience }: { readonly signal: AbortSignal; readonly patience: number },
  ): Promise<Place> {
    if (attributes.verb === "watch" || ("path" in attributes && HEALTH.test(attributes.path)))
      return ANYWHERE;
    const limit = READING.has(attributes.verb) ? this.#reading : this.#changing;
    const always = user.groups.includes(SYSTEM_MASTERS);
    const enter = async (): Promise<void> => {
      const entered = limit.enter(user.name, { signal, patience, always });
      if (entered !== true && !(await entered))
        throw tooManyRequests("Too many requests, please try again later.", RETRY_AFTER_SECONDS);
    };
    await enter();
    let inside = true;
    const leave = (): void => {
      if (!inside) return;
      inside = false;
      limit.leave();
    };
    let done = false;
    return {
      async outside(work) {
        leave();
        const result = await work();
        await enter();
        // The request may have been given up meanwhile.
        if (done) limit.leave();
        else inside = true;
        return result;
      },
      leave() {
        done = true;
        leave();
      },
    };
  }
}

const ANYWHERE: Place = { outside: async (work) => work(), leave() {} };
