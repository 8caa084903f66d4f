/** `netctl completion` prints a script for a shell; that script runs `netctl __complete` for each word to be completed. */
import { Command } from "commander";
import { UsageError } from "../failure.ts";
import { netctlCommand, onlyArgument } from "../flag.ts";
import type { Stdio } from "../stdio.ts";

export function completionCommand(stdio: Stdio): Command {
  return netctlCommand("completion", "print what makes a shell complete commands, flags and names")
    .argument("[shell]", "bash, zsh or fish")
    .addHelpText(
      "after",
      `
  bash:  source <(netctl completion bash)
  zsh:   source <(netctl completion zsh)
  fish:  netctl completion fish | source
`,
    )
    .action(async (_shell, _flags, command: Command) => {
      const shell = onlyArgument(command, "Name a shell: bash, zsh or fish");
      const { SCRIPTS } = await import("./scripts.ts");
      const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
      if (script === undefined)
        throw new UsageError(`there is no completion for ${shell}: bash, zsh or fish`, command);
      stdio.stdout.write(script);
    });
}

/** Not for people: one candidate a line. `program` makes the commands that there are. */
export function completeCommand(stdio: Stdio, program: (stdio: Stdio) => Command): Command {
  const command = new Command("__complete")
    .allowUnknownOption()
    .allowExcessArguments()
    .argument("[words...]")
    .helpOption(false)
    .helpCommand(false);
  return command.action(async (words: readonly string[]) => {
    const { printCandidates } = await import("./candidates.ts");
    await printCandidates(words, program(stdio), stdio);
  });
}
