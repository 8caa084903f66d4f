/** The command line of netctl: arguments in, exit code out. */
import { CommanderError } from "commander";
import { EXIT, NetctlError } from "./failure.ts";
import { flagSetOf } from "./flag.ts";
import { fromGoFlags } from "./go-flags.ts";
import { printable } from "./printable.ts";
import { netctlProgram } from "./program.ts";
import type { Stdio } from "./stdio.ts";

/** Runs one command line for bin/netctl. */
export async function main(args: readonly string[]): Promise<void> {
  // `netctl service ls | head -1`: whoever read has gone, and that is all.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
  process.exitCode = await runNetctl(args, process);
}

/** Returns the exit code. What goes wrong is on stderr. */
export async function runNetctl(args: readonly string[], stdio: Stdio): Promise<number> {
  const program = netctlProgram(stdio);
  try {
    await program.parseAsync(fromGoFlags(args, flagSetOf(program)), { from: "user" });
    return 0;
  } catch (error) {
    return report(error, stdio);
  }
}

/** The exit code. */
function report(error: unknown, { stdout, stderr }: Stdio): number {
  // Help and version, which Commander says in this way that it has printed.
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  if (error instanceof NetctlError) {
    // What was wrong comes last: the help of netctl alone is longer than many a terminal.
    if (error.helpOf !== undefined) stdout.write(`${error.helpOf.helpInformation()}\n`);
    for (const line of error.lines) stderr.write(`netctl: ${printable(line)}\n`);
    return error.exitCode;
  }
  // A mistake of ours keeps its stack.
  stderr.write(`netctl: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.usage;
}
