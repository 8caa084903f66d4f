/**
 * What may come next on a command line of netctl: names of commands and flags, values of flags, and which objects of the
 * server the shell should be offered. A function of the words and the commands; asking the server is the caller's.
 */
import type { Command } from "commander";
import { Flag } from "../flag.ts";
import { DEFAULT_TENANT } from "../tenant-flag.ts";

/** Words to choose from, or objects of the server whose names are the words. */
export type Completion =
  | { readonly words: readonly string[] }
  | { readonly names: "networks" | "serviceLBs"; readonly tenant: string }
  | { readonly names: "tenants" };

const NOTHING: Completion = { words: [] };

/** Values that a flag may have, by its first name. */
const VALUES: Readonly<Record<string, Completion>> = {
  "nw-type": { words: ["infra", "data"] },
  encap: { words: ["vlan", "vxlan"] },
  "fwd-mode": { words: ["bridge", "routing"] },
  "arp-mode": { words: ["proxy", "flood"] },
  "fabric-mode": { words: ["aci", "aci-opflex", "default"] },
  tenant: { names: "tenants" },
};

/** Whose names the argument of a command is, where there are any: not of what is to be created. */
const ARGUMENTS: Readonly<Record<string, "networks" | "serviceLBs" | "tenants">> = {
  network: "networks",
  service: "serviceLBs",
  tenant: "tenants",
};

/** `words` are those after "netctl", the last one as far as it is typed; the shell picks what begins with it. */
export function complete(words: readonly string[], program: Command): Completion {
  const joined = joinAtEquals(words);
  const current = joined.at(-1) ?? "";
  const { command, group, arguments: given, tenant, pending } = read(joined.slice(0, -1), program);
  if (pending !== undefined) return valuesOf(pending, tenant);
  const [, name, value] = /^--?([^-=][^=]*)=(.*)$/s.exec(current) ?? [];
  if (name !== undefined && value !== undefined) {
    const flag = findFlag(name, command, program);
    return flag === undefined ? NOTHING : valuesOf(flag, tenant);
  }
  if (current.startsWith("-")) return { words: flagWords(command) };
  if (command.commands.length > 0) return { words: commandWords(command) };
  const names = ARGUMENTS[group];
  if (names === undefined || given > 0 || command.name() === "create") return { words: flagWords(command) };
  if (command.registeredArguments.length === 0) return { words: flagWords(command) };
  return names === "tenants" ? { names } : { names, tenant };
}

/** bash takes "=" for a word of its own (COMP_WORDBREAKS): "--tenant", "=", "blue" is "--tenant=blue". */
function joinAtEquals(words: readonly string[]): string[] {
  const joined: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    const before = joined.at(-1);
    if (word !== "=" || before === undefined) joined.push(word);
    else joined.splice(-1, 1, `${before}=${words[++index] ?? ""}`);
  }
  return joined;
}

interface Reading {
  readonly command: Command;
  /** The command below the program: "service" for `netctl service rm`. */
  readonly group: string;
  /** How many arguments the command has got. */
  readonly arguments: number;
  readonly tenant: string;
  /** The flag whose value comes next. */
  readonly pending: Flag | undefined;
}

function read(words: readonly string[], program: Command): Reading {
  let command = program;
  let count = 0;
  let tenant = DEFAULT_TENANT;
  let pending: Flag | undefined;
  for (const word of words) {
    if (pending !== undefined) {
      if (pending.names[0] === "tenant") tenant = word;
      pending = undefined;
      continue;
    }
    const [, name, equals, inline = ""] = /^--?([^-=][^=]*)(=?)(.*)$/s.exec(word) ?? [];
    const flag = name === undefined ? undefined : findFlag(name, command, program);
    if (flag?.required === true && equals === "") pending = flag;
    else if (flag?.names[0] === "tenant") tenant = inline;
    if (name !== undefined) continue;
    const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
    if (next === undefined) count++;
    else command = next;
  }
  const group = command.parent === program || command.parent === null ? command : command.parent;
  return { command, group: group.name(), arguments: count, tenant, pending };
}

function findFlag(name: string, command: Command, program: Command): Flag | undefined {
  return [...command.options, ...program.options].find(
    (option): option is Flag => option instanceof Flag && option.names.includes(name),
  );
}

function valuesOf(flag: Flag, tenant: string): Completion {
  const [name = ""] = flag.names;
  if (name === "network") return { names: "networks", tenant };
  return VALUES[name] ?? NOTHING;
}

/** As the help has them: "--tenant", "-t". */
function flagWords(command: Command): string[] {
  const words = command.options.flatMap((option) =>
    option instanceof Flag ? option.words() : [option.long ?? option.flags],
  );
  return [...words, "--help", "-h"];
}

function commandWords(command: Command): string[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((each) => each.name());
}
