/** One process of a container: started, or found again after fairlead was started anew. */
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { delimiter, dirname, resolve } from "node:path";
import { constants } from "node:os";
import { callInNetns } from "../../sys/netns.ts";
import { processStartTime, signalProcess, watchProcess } from "../../sys/process.ts";
import { type ContainerView, commandWithView, type ViewTools } from "./container-view.ts";

/** How a process ended. */
export interface ContainerExit {
  /** 128 and the signal's number if a signal ended it, as shells and container engines count. */
  readonly code: number;
  readonly signal?: number;
  /** For people: a word for the status. */
  readonly reason: string;
  readonly message?: string;
  readonly at: Date;
}

export interface ContainerProcess extends Disposable {
  readonly pid: number;
  /** Clock ticks since boot: tells the process from a later one with the same id. */
  readonly startTime: string;
  readonly startedAt: Date;
  /** Never rejects. Stays open when the process is left alone (disposed) while it runs. */
  readonly exited: Promise<ContainerExit>;
  /** Signals the process and those it started that stayed in its process group. */
  signal(name: NodeJS.Signals): void;
}

export interface ProcessStart {
  /** The command and its arguments. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** @default {"/"} */
  readonly workingDir: string | undefined;
  readonly netns: string | undefined;
  /** What it sees in place of the machine's files and name; undefined: the machine's own. */
  readonly view: { readonly tools: ViewTools; readonly view: ContainerView } | undefined;
  /** Gets standard output and standard error. A file and no pipe, so that the process outlives us. */
  readonly logFile: string;
}

/**
 * Starts a process in a session of its own, which neither a terminal's Ctrl-C nor our end reaches.
 * Rejects with node's error if it cannot be started (ENOENT: no such command, EACCES).
 */
export async function startProcess(start: ProcessStart): Promise<ContainerProcess> {
  const [command, ...args] = commandLine(start);
  mkdirSync(dirname(start.logFile), { recursive: true, mode: 0o700 });
  const log = openSync(start.logFile, "a", 0o600);
  try {
    const child = callInNetns(start.netns, () =>
      spawn(command!, args, {
        cwd: start.workingDir ?? "/",
        env: start.environment,
        stdio: ["ignore", log, log],
        detached: true,
      }),
    );
    child.unref();
    const { pid } = child;
    if (pid === undefined) {
      const { promise, reject } = Promise.withResolvers<never>();
      child.once("error", reject);
      return await promise;
    }
    const { promise: exited, resolve: ended } = Promise.withResolvers<ContainerExit>();
    child.once("exit", (code, signal) => {
      // A container ends as a whole: what its main process leaves behind goes with it.
      signalProcess(-pid, "SIGKILL");
      ended(exitOf(code, signal));
    });
    return {
      pid,
      // A process that has ended at once has none any more; its exit follows.
      startTime: processStartTime(pid) ?? "0",
      startedAt: new Date(),
      exited,
      signal: (name) => void signalProcess(-pid, name),
      [Symbol.dispose]: () => {},
    };
  } finally {
    closeSync(log);
  }
}

/**
 * A command that does not exist is found out here where others run it: they could only say so in the container's log.
 * Throws what node's spawn would.
 */
function commandLine({ argv, view, environment, workingDir }: ProcessStart): readonly string[] {
  if (view === undefined) return argv;
  const [command = ""] = argv;
  const directories = command.includes("/") ? [""] : (environment["PATH"] ?? "").split(delimiter);
  const files = directories.map((directory) => resolve(workingDir ?? "/", directory, command));
  if (!files.some(existsSync))
    throw Object.assign(new Error(`spawn ${command} ENOENT`), { code: "ENOENT", path: command });
  return commandWithView(view.tools, view.view, argv);
}

/**
 * The process that an earlier run of fairlead started, if it still runs. How it ends cannot be known then: only the
 * parent is told, so the exit is reported as the kubelet does it for containers it lost sight of.
 */
export function adoptProcess(
  pid: number | undefined,
  startTime: string | undefined,
  startedAt: Date,
): ContainerProcess | undefined {
  if (pid === undefined || startTime === undefined || processStartTime(pid) !== startTime) return undefined;
  const { promise: exited, resolve: ended } = Promise.withResolvers<ContainerExit>();
  const watcher = watchProcess(pid, () => {
    signalProcess(-pid, "SIGKILL");
    ended(lostExit("the process was started by an earlier run of fairlead, so its exit code is not known"));
  });
  return {
    pid,
    startTime,
    startedAt,
    exited,
    signal: (name) => void signalProcess(-pid, name),
    [Symbol.dispose]: () => watcher[Symbol.dispose](),
  };
}

/** The end of a process that nobody saw. */
export function lostExit(message: string): ContainerExit {
  return { code: 137, reason: "ContainerStatusUnknown", message, at: new Date() };
}

function exitOf(code: number | null, signal: NodeJS.Signals | null): ContainerExit {
  const at = new Date();
  if (signal !== null) {
    const number = constants.signals[signal];
    return { code: 128 + number, signal: number, reason: "Error", at };
  }
  return { code: code ?? 1, reason: code === 0 ? "Completed" : "Error", at };
}
