/** The command line under test, as a user starts it: a process of its own. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { callInNetns } from "../../src/sys/netns.ts";

const BIN = join(import.meta.dirname, "../../bin");

/** Milliseconds after which one that does not stop is killed. */
const LONGEST_STOP = 10_000;

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Without the capabilities that programming the kernel needs, as a user who is not root. */
  readonly unprivileged?: boolean;
  /** The network namespace that the process lives in. */
  readonly netns?: string;
  /** What it prints when it is as far as the test wants it, or what resolves then. @default {/^ready$/m} */
  readonly until?: RegExp | Promise<unknown>;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

function start(
  args: readonly string[],
  { env, unprivileged, netns }: RunOptions,
  name: "fairlead" | "netctl" = "fairlead",
): Child {
  const command = [process.execPath, join(BIN, name), ...args];
  if (unprivileged === true && process.getuid?.() === 0)
    command.unshift("setpriv", "--bounding-set=-net_admin,-sys_admin,-net_bind_service,-net_raw");
  const [program, ...rest] = command;
  return callInNetns(netns, () =>
    spawn(program!, rest, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } }),
  );
}

function collect(stream: Readable): () => string {
  let text = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => (text += chunk));
  return () => text;
}

/** Runs a command to its end. */
export function runFairlead(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return finish(start(args, options));
}

export function runNetctl(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return finish(start(args, options, "netctl"));
}

async function finish(child: Child): Promise<Finished> {
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout: stdout(), stderr: stderr() };
}

export interface Up extends AsyncDisposable {
  readonly pid: number;
  /** What it has printed so far. */
  stdout(): string;
  stderr(): string;
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Finished>;
}

/** Starts `fairlead up` and waits for its `ready`, or for `until`. Throws with what it said if it ends before. */
export function fairleadUp(args: readonly string[], options: RunOptions = {}): Promise<Up> {
  return fairleadUntilReady(["up", ...args], options);
}

/** Starts a command that goes on until a signal, and waits for its `ready`, or for `until`. Throws with what it said if it ends before. */
export async function fairleadUntilReady(args: readonly string[], options: RunOptions = {}): Promise<Up> {
  const { until = /^ready$/m } = options;
  const child = start(args, options);
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const closed = once(child, "close") as Promise<[number | null]>;
  await new Promise<void>((resolve, reject) => {
    if (until instanceof Promise) void until.then(() => resolve());
    else
      child.stdout.on("data", () => {
        if (until.test(stdout())) resolve();
      });
    void closed.then(() => reject(new Error(`fairlead ended before it was ready:\n${stdout()}${stderr()}`)));
  });
  const end = async (signal: NodeJS.Signals): Promise<Finished> => {
    child.kill(signal);
    const [code] = await closed;
    return { code, stdout: stdout(), stderr: stderr() };
  };
  return {
    pid: child.pid!,
    stdout,
    stderr,
    end,
    // As a user stops it, so that --cleanup takes away what it made, also when the test has failed.
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const patience = setTimeout(() => child.kill("SIGKILL"), LONGEST_STOP);
      await end("SIGTERM");
      clearTimeout(patience);
    },
  };
}
