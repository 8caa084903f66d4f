/** The command line of netctl: arguments in, exit code out. */
import { CommanderError } from "commander";
import { EXIT, NetctlError } from "./failure.ts";
import { flagSetOf } from "./flag.ts";
import { fromGoFlags } from "./go-flags.ts";
import { netctlProgram } from "./program.ts";

/** Runs one command line. What goes wrong is on stderr, and its kind is the exit code. */
export async function main(args: readonly string[]): Promise<void> {
  // `netctl service ls | head -1`: whoever read has gone, and that is all.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
  const program = netctlProgram();
  try {
    await program.parseAsync(fromGoFlags(args, flagSetOf(program)), { from: "user" });
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** The exit code. */
function report(error: unknown): number {
  // Help and version, which Commander says in this way that it has printed.
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  if (error instanceof NetctlError) {
    for (const line of error.lines) process.stderr.write(`netctl: ${line}\n`);
    if (error.helpOf !== undefined) process.stdout.write(error.helpOf.helpInformation());
    return error.exitCode;
  }
  // A mistake of ours keeps its stack.
  process.stderr.write(
    `netctl: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return EXIT.usage;
}
