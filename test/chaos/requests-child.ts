/** Requests at a rate, from the namespace it was started in: each on a new connection, and on connections that are kept. */
import { Agent, request } from "node:http";
import type { Target } from "./ports.ts";
import { serve, sharedClock } from "./remote.ts";

/** A request that is not answered by then has failed. Milliseconds. */
const LIMIT = 5000;
/** Of those that failed, so many are told one by one. */
const TOLD = 5;

export interface RequestsOptions extends Target {
  /** A second. */
  readonly newConnections: number;
  readonly keptAlive: number;
  /** How many connections are kept. */
  readonly connections: number;
}

export interface Failure {
  /** When it was begun and when it failed, on the shared clock. */
  readonly at: number;
  readonly end: number;
  readonly how: "new" | "kept";
  readonly error: string;
}

export interface RequestsReport {
  readonly answered: { readonly new: number; readonly kept: number };
  readonly failed: number;
  readonly failures: readonly Failure[];
  /** When the first failed one was begun, and the last, on the shared clock. */
  readonly failedFrom: number | undefined;
  readonly failedTo: number | undefined;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly slowest: number;
  readonly backends: number;
}

class Load {
  readonly #options: RequestsOptions;
  readonly #agent: Agent;
  readonly #answered = { new: 0, kept: 0 };
  readonly #times: number[] = [];
  readonly #failures: Failure[] = [];
  readonly #backends = new Set<string>();
  readonly #open = new Set<Promise<void>>();
  readonly #began = sharedClock();
  readonly #due = { new: 0, kept: 0 };
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.connections, scheduling: "fifo" });
    this.#tick();
  }

  /** As many as the rate asks for by now, whether those before are answered or not. */
  #tick(): void {
    const seconds = (sharedClock() - this.#began) / 1000;
    for (; this.#due.new < seconds * this.#options.newConnections; this.#due.new++) this.#send("new");
    for (; this.#due.kept < seconds * this.#options.keptAlive; this.#due.kept++) this.#send("kept");
    this.#timer = setTimeout(() => this.#tick(), 1);
  }

  #send(how: "new" | "kept"): void {
    const sent = this.#request(how).finally(() => this.#open.delete(sent));
    this.#open.add(sent);
  }

  async #request(how: "new" | "kept"): Promise<void> {
    const at = sharedClock();
    const { host, port } = this.#options;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const call = request(
      { host, port, path: "/", agent: how === "kept" ? this.#agent : false, family: 4 },
      (response) => {
        let body = "";
        response.setEncoding("latin1");
        response.on("data", (piece: string) => (body += piece));
        response.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        response.on("end", () => {
          const isRight = response.statusCode === 200 && /^10\.1\.\d+\.\d+$/.test(body);
          if (isRight) this.#backends.add(body);
          resolve(isRight ? undefined : `HTTP ${response.statusCode} ${JSON.stringify(body)}`);
        });
      },
    );
    const limit = setTimeout(() => {
      resolve("time-out");
      call.destroy();
    }, LIMIT);
    call.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    call.end();
    const error = await promise;
    clearTimeout(limit);
    const end = sharedClock();
    if (error === undefined) {
      this.#answered[how]++;
      this.#times.push(end - at);
    } else {
      // Where all kept connections are in use another one is made.
      const made = how === "kept" && !call.reusedSocket;
      this.#failures.push({ at, end, how: made ? "new" : how, error });
    }
  }

  async stop(): Promise<RequestsReport> {
    clearTimeout(this.#timer);
    const seconds = (sharedClock() - this.#began) / 1000;
    await Promise.all(this.#open);
    this.#agent.destroy();
    const times = this.#times.sort((a, b) => a - b);
    const begun = this.#failures.map(({ at }) => at);
    return {
      answered: this.#answered,
      failed: this.#failures.length,
      failures: this.#failures.slice(0, TOLD),
      failedFrom: begun.length === 0 ? undefined : Math.min(...begun),
      failedTo: begun.length === 0 ? undefined : Math.max(...begun),
      seconds,
      p50: times[Math.floor(times.length / 2)] ?? Number.NaN,
      p99: times[Math.floor(times.length * 0.99)] ?? Number.NaN,
      slowest: times.at(-1) ?? Number.NaN,
      backends: this.#backends.size,
    };
  }
}

let load: Load | undefined;

const methods = {
  start(options: RequestsOptions): void {
    load = new Load(options);
  },
  async stop(): Promise<RequestsReport> {
    const ended = load!;
    load = undefined;
    return ended.stop();
  },
};

export type RequestsMethods = typeof methods;
serve(methods);
