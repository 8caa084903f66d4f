/**
 * Walkthroughs are Markdown that is executed: what stands in fenced blocks is typed at a terminal, and what is printed is
 * compared with the lines below it. A document of others can be taken over as it stands.
 *
 *     $ command          typed into the host's shell (also without `$`, if it begins with one of the document's programs)
 *     # command          typed into the shell that `docker exec -it ... sh` has opened; it is left before the next `$`
 *     anything else      a line that is printed
 *
 * A command without lines below it may print what it likes, but must end with status 0. In printed lines `...` stands for
 * anything, alone on a line for any lines, and `<word>` for a word, which may be used in commands later; spaces count as
 * one. 64 hexadecimal digits are a container's id: the document's own, which stands for the one that is printed here.
 * The last line may be `exit status N`.
 */
import assert from "node:assert/strict";
import type { Terminal } from "./terminal.ts";

export interface Step {
  /** Of the document, counted from 1. */
  readonly line: number;
  readonly where: "host" | "container";
  readonly command: string;
  readonly expected: readonly string[];
  readonly status: number;
}

/** What is below one heading. */
export interface Section {
  readonly title: string;
  readonly steps: readonly Step[];
}

const CONTAINER_ID = /\b[0-9a-f]{64}\b/g;

/** The sections that have commands. `programs`: what a line begins with that is typed though it has no `$`. */
export function parseTranscript(text: string, programs: readonly string[] = []): Section[] {
  const sections: { title: string; steps: (Step & { expected: string[] })[] }[] = [];
  let title = "";
  let inBlock = false;
  for (const [index, source] of text.split("\n").entries()) {
    if (source.startsWith("```")) {
      inBlock = !inBlock;
      if (inBlock && sections.at(-1)?.title !== title) sections.push({ title, steps: [] });
      continue;
    }
    if (!inBlock) {
      title = /^#+\s*(.*)/.exec(source)?.[1] ?? title;
      continue;
    }
    const { steps } = sections.at(-1)!;
    const typed = /^([$#])\s*(.*)/.exec(source);
    const line = index + 1;
    if (typed !== null) {
      const where = typed[1] === "$" ? "host" : "container";
      steps.push({ line, where, command: typed[2]!, expected: [], status: 0 });
    } else if (programs.some((program) => source.startsWith(`${program} `)))
      steps.push({ line, where: "host", command: source, expected: [], status: 0 });
    else if (source.trim() !== "") {
      const last = steps.pop();
      assert.ok(last, `line ${line}: ${source}: no command is before what it prints`);
      const status = /^exit status (\d+)$/.exec(source)?.[1];
      if (status === undefined) last.expected.push(source);
      steps.push({ ...last, status: status === undefined ? last.status : Number(status) });
    }
  }
  assert.ok(!inBlock, "the last block has no end");
  return sections.filter(({ steps }) => steps.length > 0);
}

/** Types the steps of transcripts, and remembers what their words stand for. */
export class Reader {
  readonly #terminal: Terminal;
  /** What the document says, and what was printed in its place. */
  readonly #words = new Map<string, string>();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** What a `<word>` or an id of the document stands for. */
  word(said: string): string {
    const meant = this.#words.get(said);
    assert.ok(meant !== undefined, `nothing has printed ${said}`);
    return meant;
  }

  async read({ steps }: Section): Promise<void> {
    for (const step of steps) await this.#readStep(step);
  }

  async #readStep({ line, where, command, expected, status }: Step): Promise<void> {
    const place = (printed: string): string => `line ${line}: ${command}\nprinted:\n${printed}\n`;
    if (where === "host" && this.#terminal.inContainer) await this.#terminal.type("exit");
    assert.equal(this.#terminal.inContainer, where === "container", place("(at the wrong prompt)"));
    const known = command.replaceAll(/<[a-z][\w-]*>|\b[0-9a-f]{64}\b/g, (said) => this.word(said));
    const printed = await this.#terminal.type(known);
    // An interactive shell of a container has no status yet.
    if (where === "container" || !this.#terminal.inContainer)
      assert.equal(await this.#terminal.status(), status, place(printed));
    if (expected.length === 0) return;
    const found = this.#pattern(expected).exec(`${normal(printed)}\n`);
    if (found === null) assert.equal(normal(printed), normal(expected.join("\n")), place(printed));
    for (const [index, said] of this.#unknown(expected).entries()) this.#words.set(said, found![index + 1]!);
  }

  /** Words of `expected` that nothing has been printed for, in order of appearance. */
  #unknown(expected: readonly string[]): string[] {
    const text = expected.join("\n");
    const said = [...text.matchAll(/<[a-z][\w-]*>/g), ...text.matchAll(CONTAINER_ID)];
    said.sort((a, b) => a.index - b.index);
    return [...new Set(said.map(([word]) => word))].filter((word) => !this.#words.has(word));
  }

  #pattern(expected: readonly string[]): RegExp {
    const known = new Map(this.#words);
    let groups = 0;
    const word = (said: string): string => {
      const meant = known.get(said);
      if (meant !== undefined) return meant.startsWith("\\") ? meant : literal(meant);
      known.set(said, `\\${++groups}`);
      return said.startsWith("<") ? "(\\S+)" : "([0-9a-f]{64})";
    };
    const pieces = /<[a-z][\w-]*>|\b[0-9a-f]{64}\b|\.\.\.| /g;
    const lines = expected.map((line) => {
      const text = normal(line);
      if (text === "...") return "(?:.*\\n)*?";
      let pattern = "";
      let end = 0;
      for (const { 0: piece, index } of text.matchAll(pieces)) {
        pattern += literal(text.slice(end, index));
        pattern += piece === "..." ? ".*" : piece === " " ? " " : word(piece);
        end = index + piece.length;
      }
      return `${pattern}${literal(text.slice(end))}\\n`;
    });
    return new RegExp(`^${lines.join("")}$`);
  }
}

/** A pattern that is found where `text` is. */
function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** As it is compared: spaces as one, none at the ends of lines. */
function normal(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trim().replaceAll(/[ \t]+/g, " "))
    .join("\n");
}
