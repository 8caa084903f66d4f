/**
 * A transcript: what is typed at a terminal, and what must come back. It reads as a terminal does:
 *
 *     $ kubectl get svc web
 *     NAME   TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE
 *     web    ClusterIP   <ip>         <none>        80/TCP    <age>
 *
 * `$[1.27+]` is for that version and newer, `$[1.20-1.26]` for those. Lines after `<<EOF` are the standard input. What is
 * printed to both outputs is compared, spaces counting as one; `<ip>`, `<age>`, `<port>`, `<hash>` and `<...>` (anything)
 * stand for what differs each time; `[exit 1]` as the last line is the exit code where it is not 0.
 */

export interface Command {
  readonly line: number;
  /** From and to this minor version, both included. */
  readonly versions: readonly [number, number];
  readonly args: readonly string[];
  readonly input: string;
  /** Lines, without the exit code's. */
  readonly expected: readonly string[];
  readonly code: number;
}

const PROMPT = /^\$(?:\[1\.(\d+)(?:\+|-1\.(\d+))\])? kubectl (.*?)( <<EOF)?$/;

/** Throws for a text that is no transcript. */
export function parseTranscript(text: string): Command[] {
  const lines = text.replace(/\n$/, "").split("\n");
  const commands: Command[] = [];
  for (let i = 0; i < lines.length;) {
    const start = i;
    const prompt = PROMPT.exec(lines[i]!);
    if (prompt === null) throw new Error(`line ${i + 1} of the transcript is no command: ${lines[i]}`);
    i++;
    const input: string[] = [];
    if (prompt[4] !== undefined) while (lines[i++] !== "EOF") input.push(lines[i - 1]!);
    const expected: string[] = [];
    while (i < lines.length && !lines[i]!.startsWith("$")) expected.push(lines[i++]!);
    const exit = /^\[exit (\d+)\]$/.exec(expected.at(-1) ?? "");
    if (exit !== null) expected.pop();
    commands.push({
      line: start + 1,
      versions: [Number(prompt[1] ?? 0), Number(prompt[2] ?? 999)],
      args: prompt[3]!.split(" "),
      input: input.map((one) => `${one}\n`).join(""),
      expected,
      code: Number(exit?.[1] ?? 0),
    });
  }
  return commands;
}

const PLACEHOLDERS: Readonly<Record<string, string>> = {
  "<ip>": "\\d+\\.\\d+\\.\\d+\\.\\d+",
  "<age>": "\\d+[smhd](?:\\d+s)?",
  "<port>": "3\\d{4}",
  "<hash>": "[0-9a-z-]+",
  "<...>": ".*",
};

/** Whether a printed line is the expected one. */
export function matches(printed: string, expected: string): boolean {
  const pieces = squeeze(expected).split(/(<(?:ip|age|port|hash|\.\.\.)>)/);
  const pattern = pieces
    .map((piece) => PLACEHOLDERS[piece] ?? piece.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("");
  return new RegExp(`^${pattern}$`).test(squeeze(printed));
}

function squeeze(line: string): string {
  return line.replaceAll(/\s+/g, " ").trim();
}
