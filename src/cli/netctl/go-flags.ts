/**
 * Command lines as Go's flag package reads them (https://pkg.go.dev/flag#hdr-Command_line_flag_syntax), said again as
 * Commander reads them. To Go, `-flag` and `--flag` are the same, and so are `-flag=value` and `-flag value`; names of any
 * length may have one dash ("-ip", "-s6"), so one-letter flags cannot be written together ("-aj" is a flag named aj).
 *
 * What differs from Go: flags may stand after arguments too, and so may the flags that belong to the whole program.
 */

export interface FlagName {
  /** The one of its names that Commander knows. */
  readonly long: string;
  readonly takesValue: boolean;
}

/** The flags of a command by each of their names, and its subcommands by each of theirs. */
export interface FlagSet {
  readonly flags: ReadonlyMap<string, FlagName>;
  readonly commands: ReadonlyMap<string, FlagSet>;
}

/** Go's strconv.ParseBool. */
export function parseGoBool(text: string): boolean | undefined {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  return /^(0|f|F|FALSE|false|False)$/.test(text) ? false : undefined;
}

/**
 * Each known flag as "--long", "--long=value", or nothing where it is said to be false. Everything else stays as it is and
 * where it is: arguments, what follows "--", and flags that nobody knows, which Commander refuses by name.
 */
export function fromGoFlags(args: readonly string[], program: FlagSet): string[] {
  let at = program;
  let result: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const word = args[index]!;
    if (word === "--") return [...result, ...args.slice(index)];
    const [, name, equals, inline = ""] = /^--?([^-=][^=]*)(=?)(.*)$/s.exec(word) ?? [];
    if (name === undefined) {
      result.push(word);
      at = at.commands.get(word) ?? at;
      continue;
    }
    const flag = at.flags.get(name) ?? program.flags.get(name);
    if (flag === undefined) result.push(word);
    else if (!flag.takesValue) {
      const long = `--${flag.long}`;
      const value = equals === "" ? true : parseGoBool(inline);
      // The last one counts. An argument cannot be this word, for it would be a flag.
      if (value === false) result = result.filter((earlier) => earlier !== long);
      else result.push(value === true ? long : word);
    } else if (equals !== "") result.push(`--${flag.long}=${inline}`);
    // The next word is the value, whatever it looks like. If there is none, Commander says so.
    else if (index + 1 < args.length) result.push(`--${flag.long}=${args[++index]!}`);
    else result.push(`--${flag.long}`);
  }
  return result;
}
