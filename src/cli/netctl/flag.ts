/** Flags and commands as netctl declares them: Commander's, with Go's several names of a flag. */
import type { Writable } from "node:stream";
import { Command, Option } from "commander";
import { UsageError } from "./failure.ts";
import type { FlagName, FlagSet } from "./go-flags.ts";
import { similar } from "./similar.ts";

/** A flag that may be written by any of its names, with one dash or two. */
export class Flag extends Option {
  /** Without dashes; Commander knows the first alone. */
  readonly names: readonly string[];

  /** `names` as Contiv declares them, "tenant, t"; `value` is what its value is called, none for a switch. */
  constructor(names: string, value: string | undefined, description: string) {
    const all = names.split(/, ?/);
    super(`--${all[0]!}${value === undefined ? "" : ` <${value}>`}`, description);
    this.names = all;
  }

  /** "--subnetv6", "-s6": as the help and Contiv's documents write them. */
  words(): string[] {
    return this.names.map((name, index) => (index > 0 && name.length <= 3 ? `-${name}` : `--${name}`));
  }

  /** "--subnetv6, -s6 CIDR" */
  term(): string {
    const value = /<(.*)>/.exec(this.flags)?.[1];
    return `${this.words().join(", ")}${value === undefined ? "" : ` ${value}`}`;
  }
}

/** A flag that may be given several times. */
export function listFlag(names: string, value: string, description: string): Flag {
  const flag = new Flag(names, value, description);
  flag.argParser((each: string, before: readonly string[] | undefined) => [...(before ?? []), each]);
  return flag;
}

/** A command whose mistakes are UsageErrors of its own. Arguments are counted by {@link onlyArgument}, in Contiv's words. */
export function netctlCommand(name: string, description: string, flags: readonly Flag[] = []): Command {
  const command = new Command(name)
    .description(description)
    .helpOption("-h, --help", "show this")
    .helpCommand(false)
    .allowExcessArguments()
    .configureHelp({ optionTerm: (option) => (option instanceof Flag ? option.term() : option.flags) })
    .configureOutput({ outputError: () => undefined });
  command.exitOverride((error) => {
    if (error.exitCode === 0) throw error;
    const [word] = command.args;
    // A group takes the flags of a command that it has not for unknown ones of its own.
    if (
      error.code === "commander.unknownOption" &&
      command.commands.length > 0 &&
      word?.startsWith("-") === false
    )
      throw unknownCommand(command, word);
    const message = error.message
      .replace(/^error: /, "")
      .replace(/\n\(Did you mean (.*)\?\)$/, ": did you mean $1?");
    throw new UsageError(message, command);
  });
  for (const flag of flags) command.addOption(flag);
  return command;
}

/** A command that only has subcommands: without one it shows its help, as Contiv's do. */
export function group(name: string, description: string, commands: readonly Command[]): Command {
  const command = netctlCommand(name, description).usage("command [command options] [arguments...]");
  for (const each of commands) command.addCommand(each);
  command.addCommand(helpCommand(command));
  return command.action(() => {
    const [unknown] = command.args;
    if (unknown !== undefined) throw unknownCommand(command, unknown);
    command.outputHelp();
  });
}

/** Of the commands that the help shows: the one that may be meant, else all. */
function unknownCommand(command: Command, word: string): UsageError {
  const shown = command.createHelp().visibleCommands(command);
  const [meant] = similar(
    word,
    shown.flatMap((each) => [each.name(), ...each.aliases()]),
  );
  const names = shown.map((each) => each.name()).join(", ");
  const rest = meant === undefined ? `there are ${names}` : `did you mean ${meant}?`;
  return new UsageError(`there is no command ${JSON.stringify(word)} of ${command.name()}: ${rest}`, command);
}

function helpCommand(parent: Command): Command {
  return netctlCommand("help", "show what a command does")
    .alias("h")
    .argument("[command...]")
    .action((path: readonly string[]) => {
      let found = parent;
      for (const name of path) {
        const next = found.commands.find((each) => each.name() === name || each.aliases().includes(name));
        if (next === undefined) throw unknownCommand(found, name);
        found = next;
      }
      found.outputHelp();
    });
}

/** Sends the help of all commands there. */
export function writeHelpTo(stdout: Writable, command: Command): void {
  command.configureOutput({ writeOut: (text) => void stdout.write(text) });
  for (const each of command.commands) writeHelpTo(stdout, each);
}

/** The one argument that the command has. Throws UsageError with Contiv's words if there is none or there are more. */
export function onlyArgument(command: Command, complaint: string): string {
  const [argument = ""] = command.args;
  const [, ...more] = command.args;
  if (more.length > 0)
    throw new UsageError(
      `${complaint}: one, not ${command.args.length} (${command.args.join(" ")})`,
      command,
    );
  if (argument === "") throw new UsageError(complaint, command);
  return argument;
}

/** Throws UsageError, in Contiv's words, if there are arguments. */
export function noArguments(command: Command): void {
  if (command.args.length > 0) throw new UsageError("More arguments than required", command);
}

/** What {@link import("./go-flags.ts").fromGoFlags} must know of a command and those below it. */
export function flagSetOf(command: Command): FlagSet {
  const flags = new Map<string, FlagName>([
    ["help", { long: "help", takesValue: false }],
    ["h", { long: "help", takesValue: false }],
  ]);
  for (const option of command.options) {
    const flag = { long: option.long!.slice(2), takesValue: option.required };
    for (const name of option instanceof Flag ? option.names : [flag.long]) flags.set(name, flag);
  }
  const commands = new Map<string, FlagSet>();
  for (const each of command.commands)
    for (const name of [each.name(), ...each.aliases()]) commands.set(name, flagSetOf(each));
  return { flags, commands };
}
