/** How a command of netctl fails: with which exit code, and what it says on stderr. */
import type { Command } from "commander";

/** Contiv's (netctl/exit.go): scripts tell failures apart by these. */
export const EXIT = {
  /** The command line is wrong, or asks for what there is not. */
  usage: 1,
  /** The server could not be asked: there is none, or it did not answer. */
  request: 2,
  /** The server refused, or answered what cannot be read. */
  invalid: 3,
  /** A file of this machine cannot be read or written. */
  io: 4,
} as const;

interface FailureOptions extends ErrorOptions {
  /** The HTTP status, where the server refused. */
  readonly status?: number;
  /** Whose help is printed on stdout, before the error. */
  readonly helpOf?: Command;
}

/** `lines` are what was wrong, one thing a line, as stderr has them. */
export class NetctlError extends Error {
  override readonly name: string = "NetctlError";
  readonly exitCode: number;
  readonly lines: readonly string[];
  readonly status: number | undefined;
  readonly helpOf: Command | undefined;

  constructor(exitCode: number, lines: string | readonly string[], options: FailureOptions = {}) {
    const all = typeof lines === "string" ? [lines] : lines;
    super(all.join("; "), options);
    this.exitCode = exitCode;
    this.lines = all;
    this.status = options.status;
    this.helpOf = options.helpOf;
  }
}

/** The command line is wrong; the command's help says how it is right. */
export class UsageError extends NetctlError {
  override readonly name = "UsageError";

  constructor(message: string, command: Command) {
    super(EXIT.usage, message, { helpOf: command });
  }
}
