/** A person at a terminal: a shell on a pseudo-terminal, that one line after another is typed into. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { callInNetns } from "../../src/sys/netns.ts";

const PROMPT = "walkthrough$ ";
/**
 * The host's shell, also behind a line that was not ended, or a container's: dash and Alpine's ash both end their root's
 * prompt like that.
 */
const PROMPTS = /(?:walkthrough\$ |(?<=^|\n)(?:\S+ )?# )$/;

export interface TerminalOptions {
  /** Where the shell lives: a name or a path. */
  readonly netns: string;
  readonly env: Readonly<Record<string, string>>;
}

export class Terminal implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  #seen = "";
  #prompt = "";
  #wake = Promise.withResolvers<void>();

  static async open(options: TerminalOptions): Promise<Terminal> {
    const terminal = new Terminal(options);
    await terminal.#untilPrompt("", 10_000);
    return terminal;
  }

  /** util-linux's script makes the pseudo-terminal. Wide enough that neither tables nor what is typed wrap. */
  private constructor({ netns, env }: TerminalOptions) {
    const shell = `stty cols 500 rows 50; PS1='${PROMPT}' exec bash --noprofile --norc --noediting -i`;
    this.#child = callInNetns(netns, () =>
      spawn("script", ["--quiet", "--flush", "--return", "--command", shell, "/dev/null"], {
        stdio: ["pipe", "pipe", "inherit"],
        env: { ...process.env, TERM: "dumb", ...env },
      }),
    );
    this.#child.stdout.setEncoding("utf8");
    this.#child.stdout.on("data", (text: string) => this.#tell(text.replaceAll("\r", "")));
    this.#child.on("close", () => this.#tell("\nthe terminal is closed\n"));
  }

  #tell(text: string): void {
    this.#seen += text;
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  /** Whether what is typed goes to a container's shell, not to the host's. */
  get inContainer(): boolean {
    return this.#prompt !== PROMPT;
  }

  /** Types a line, and gives what is printed until the next prompt, trimmed at its end. */
  async type(line: string, timeout: number = 30_000): Promise<string> {
    this.#seen = "";
    this.#child.stdin.write(`${line}\n`);
    const printed = await this.#untilPrompt(line, timeout);
    // The terminal echoes what is typed; `script` gives both of them to us.
    const echo = printed.indexOf("\n");
    return printed.slice(echo + 1).trimEnd();
  }

  /** The exit status of the last line. */
  async status(): Promise<number> {
    return Number(await this.type("echo $?"));
  }

  async #untilPrompt(typed: string, timeout: number): Promise<string> {
    const deadline = performance.now() + timeout;
    for (;;) {
      const found = PROMPTS.exec(this.#seen);
      if (found !== null) {
        [this.#prompt] = found;
        return this.#seen.slice(0, found.index);
      }
      const left = deadline - performance.now();
      if (left <= 0 || this.#child.exitCode !== null)
        throw new Error(`no prompt after ${JSON.stringify(typed)}, but: ${this.#seen}`);
      const timer = setTimeout(() => this.#tell(""), left);
      await this.#wake.promise;
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, "close");
    // Its end takes the terminal away, whereupon the kernel hangs up on the shell and what runs in it.
    this.#child.kill("SIGKILL");
    await closed;
  }
}
