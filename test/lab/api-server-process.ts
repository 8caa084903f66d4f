/** The API in a process of its own that can be killed and started again at the same address. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { freeTcpPort } from "../../src/dataplane/userspace/loopback-peers.ts";

export class ApiServerProcess implements AsyncDisposable {
  readonly #dataDir: string;
  #port = 0;
  #child: ChildProcess | undefined;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  get kubeconfig(): string {
    return join(this.#dataDir, "kubeconfig");
  }

  /** Starts it, at the address that it had before. Rejects if it ends before it answers. */
  async start(): Promise<void> {
    if (this.#port === 0) this.#port = await freeTcpPort("127.0.0.1");
    const program = join(import.meta.dirname, "api-server-child.ts");
    const child = spawn(process.execPath, [program, this.#dataDir, String(this.#port)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child = child;
    const ready = once(createInterface(child.stdout), "line");
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`the server ended with ${String(code)} before it answered`);
    });
    await Promise.race([ready, ended]);
    ended.catch(() => {});
  }

  /** Sends a signal that does not end it: SIGSTOP, SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Ends it, and waits until it has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }
}
