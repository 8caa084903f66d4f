/**
 * A process in a network namespace that does what it is told over IPC: clients and pods of the chaos tests, each with an
 * event loop of its own, so that none of them holds up what another measures.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { callInNetns } from "../../src/sys/netns.ts";

/** What a process can do, by name; options and results travel as JSON. */
export type Methods = Readonly<Record<string, (options: never) => unknown>>;

interface Call {
  readonly id: number;
  readonly method: string;
  readonly options: never;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

export class Remote<M extends Methods> implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #calls = 0;

  /** `program`: a file of this folder that calls {@link serve}. `netns`: where it lives. */
  constructor(program: string, netns: string) {
    this.#child = callInNetns(netns, () => fork(join(import.meta.dirname, program)));
    this.#child.on("message", ({ id, result, error }: Answer) => {
      const call = this.#waiting.get(id)!;
      this.#waiting.delete(id);
      if (error === undefined) call.resolve(result);
      else call.reject(new Error(`${program}: ${error}`));
    });
    this.#child.on("exit", (code, signal) => {
      for (const call of this.#waiting.values())
        call.reject(new Error(`${program} ended with ${code ?? signal}`));
    });
  }

  async call<K extends keyof M & string>(
    method: K,
    ...[options]: Parameters<M[K]>
  ): Promise<Awaited<ReturnType<M[K]>>> {
    const call = Promise.withResolvers<unknown>();
    const id = ++this.#calls;
    this.#waiting.set(id, call);
    this.#child.send({ id, method, options });
    return (await call.promise) as Awaited<ReturnType<M[K]>>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}

/** The other side: answers calls until the parent goes. */
export function serve(methods: Methods): void {
  process.on("message", ({ id, method, options }: Call) => {
    const answer = (message: Answer): boolean => process.send!(message);
    const perform = async (): Promise<unknown> => methods[method]!(options);
    perform().then(
      (result) => answer({ id, result }),
      (error: Error) => answer({ id, error: error.stack ?? error.message }),
    );
  });
  process.on("disconnect", () => process.exit());
}

/** Milliseconds of a clock that all processes share (CLOCK_MONOTONIC), with fractions. */
export function sharedClock(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
