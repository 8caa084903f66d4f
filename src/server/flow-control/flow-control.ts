/**
 * How many requests are worked on at once: reading and changing ones apart, so that a flood of one kind leaves the other
 * alone (kube-apiserver's --max-requests-inflight and --max-mutating-requests-inflight).
 */
import { tooManyRequests } from "../../api/status-errors.ts";
import type { Attributes } from "../authorization/attributes.ts";
import { SYSTEM_MASTERS } from "../authorization/policy.ts";
import type { UserInfo } from "../registry.ts";
import { InFlightLimit } from "./in-flight-limit.ts";
import { LongRunningLimit } from "./long-running-limit.ts";

export interface FlowControlOptions {
  /** @default 400 */
  readonly maxReading?: number;
  /** @default 200 */
  readonly maxChanging?: number;
  /** Requests of each of the two that may wait. @default four times as many as may be under way */
  readonly maxWaiting?: number;
  /** Watches that one user may have open; of system:masters, twice as many. @default 2000 */
  readonly maxWatchesPerUser?: number;
  /** Watches that all users may have open; those of system:masters, twice as many beside them. @default 10_000 */
  readonly maxWatches?: number;
}

const MAX_READING = 400;
const MAX_CHANGING = 200;
const WAITING_FACTOR = 4;
const RETRY_AFTER_SECONDS = 1;
const MAX_WATCHES_PER_USER = 2000;
const MAX_WATCHES = 10_000;
/** A watch lasts for minutes: another end is not worth looking for at once. */
const RETRY_WATCH_AFTER_SECONDS = 5;
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
  readonly #watches: LongRunningLimit;

  constructor(options: FlowControlOptions = {}) {
    const limitOf = (limit: number): InFlightLimit =>
      new InFlightLimit({
        limit,
        queue: options.maxWaiting ?? limit * WAITING_FACTOR,
      });
    this.#reading = limitOf(options.maxReading ?? MAX_READING);
    this.#changing = limitOf(options.maxChanging ?? MAX_CHANGING);
    this.#watches = new LongRunningLimit({
      perUser: options.maxWatchesPerUser ?? MAX_WATCHES_PER_USER,
      all: options.maxWatches ?? MAX_WATCHES,
    });
  }

  /** Requests under way, for metrics. */
  get underWay(): { readonly readOnly: number; readonly mutating: number } {
    return { readOnly: this.#reading.underWay, mutating: this.#changing.underWay };
  }

  /**
   * A place for a request of `user`, at once or after waiting for one. Whoever is in system:masters need not wait: they
   * are who can end a flood. Watches are not counted, which last for hours and cost little in between ({@link startWatch}
   * counts them); nor are probes of health. `patience` is how many milliseconds it may wait. Throws ApiError 429.
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

  /**
   * Counts a watch of `user`, who is whoever has shown credentials, not whom they impersonate: that could be anybody.
   * It ends when `signal` aborts, or when its start fails. Throws ApiError 429 if there are too many.
   */
  async startWatch<T>(user: UserInfo, signal: AbortSignal, start: () => Promise<T>): Promise<T> {
    const hold = this.#watches.hold(user);
    if (typeof hold === "string")
      throw tooManyRequests(
        hold === "user"
          ? `Too many watches: ${JSON.stringify(user.name)} has as many open as one user may, please try again later.`
          : "Too many watches are open, please try again later.",
        RETRY_WATCH_AFTER_SECONDS,
      );
    if (signal.aborted) hold.release();
    else signal.addEventListener("abort", () => hold.release(), { once: true });
    try {
      return await start();
    } catch (error) {
      hold.release();
      throw error;
    }
  }
}

const ANYWHERE: Place = { outside: async (work) => work(), leave() {} };
