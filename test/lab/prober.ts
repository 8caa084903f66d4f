/** A client in a network namespace (a container's, say) that makes many connections and tells what came of each. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { callInNetns } from "../../src/sys/netns.ts";

export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/** One connection. */
export interface Answer {
  /** When it was begun and ended, in milliseconds since the epoch. */
  readonly at: number;
  readonly end: number;
  /** The body, trimmed, as far as it came. */
  readonly said: string;
  /** "ECONNREFUSED", "time-out", ...; undefined if it was answered. */
  readonly error: string | undefined;
}

export type ProbeCommand = { readonly id: number } & (
  | ({ readonly type: "burst"; readonly count: number; readonly concurrency: number } & ProbeTarget)
  | ({ readonly type: "start"; readonly rate: number } & ProbeTarget)
  | { readonly type: "stop" }
);

type Command<C extends ProbeCommand> = C extends unknown ? Omit<C, "id"> : never;

export class Prober implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answers: Answer[]) => void>();
  #commands = 0;

  /** `netns`: a name or a path. */
  constructor(netns: string) {
    this.#child = callInNetns(netns, () => fork(join(import.meta.dirname, "prober-child.ts")));
    this.#child.on("message", ({ id, answers }: { id: number; answers: Answer[] }) => {
      this.#waiting.get(id)?.(answers);
      this.#waiting.delete(id);
    });
  }

  /** `count` connections, `concurrency` at a time. */
  burst(target: ProbeTarget, count: number, concurrency = 8): Promise<Answer[]> {
    return this.#call({ type: "burst", count, concurrency, ...target });
  }

  /** Begins with `rate` connections a second. */
  async startLoad(target: ProbeTarget, rate: number): Promise<void> {
    await this.#call({ type: "start", rate, ...target });
  }

  /** Ends the load, and gives all its connections when the last has ended. */
  stopLoad(): Promise<Answer[]> {
    return this.#call({ type: "stop" });
  }

  #call(command: Command<ProbeCommand>): Promise<Answer[]> {
    const id = ++this.#commands;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ ...command, id }, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}

/** How many answers each said. */
export function countBy(answers: readonly Answer[], key: (answer: Answer) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const answer of answers) counts.set(key(answer), (counts.get(key(answer)) ?? 0) + 1);
  return counts;
}
