import assert from "node:assert/strict";
import { test } from "node:test";
import type { Terminal } from "./terminal.ts";
import { parseTranscript, Reader } from "./transcript.ts";

const ID = "2c30b978c87bad64ced1f8158b72d17abf7748889464023d4e23a4bd24ae2d28";
const REAL = ID.toUpperCase().replaceAll(/[A-Z]/g, "0").toLowerCase();

/** A terminal that prints what it is told for each line, and remembers what was typed. */
class Scripted {
  readonly typed: string[] = [];
  inContainer = false;
  readonly #answers: Readonly<Record<string, string>>;
  readonly #status: number;

  constructor(answers: Readonly<Record<string, string>>, status = 0) {
    this.#answers = answers;
    this.#status = status;
  }

  type(line: string): Promise<string> {
    this.typed.push(line);
    if (line.startsWith("docker exec")) this.inContainer = true;
    if (line === "exit") this.inContainer = false;
    return Promise.resolve(this.#answers[line] ?? "");
  }

  status(): Promise<number> {
    return Promise.resolve(this.#status);
  }
}

/** What was typed when `lines` was read, and what its words stand for. */
async function read(lines: string[], answers: Record<string, string>, status = 0): Promise<Scripted> {
  const terminal = new Scripted(answers, status);
  const reader = new Reader(terminal as unknown as Terminal);
  for (const section of parseTranscript(["## Title", "```", ...lines, "```"].join("\n"), ["docker"]))
    await reader.read(section);
  return terminal;
}

test("only fenced blocks are read, and each heading's are together", () => {
  const text = [
    "# A",
    "docker not this",
    "```",
    "$ one",
    "printed",
    "```",
    "and",
    "```",
    "$ two",
    "```",
    "# B",
  ];
  assert.deepEqual(
    parseTranscript(text.join("\n")).map(({ title, steps }) => [title, steps.map(({ command }) => command)]),
    [["A", ["one", "two"]]],
  );
});

test("a document's ids stand for those that are printed", async () => {
  const answers = { "docker run x": REAL };
  const { typed } = await read(
    ["docker run x", ID, "", `docker exec -it ${ID} sh`, "#nc &", "docker ps"],
    answers,
  );
  assert.deepEqual(typed, ["docker run x", `docker exec -it ${REAL} sh`, "nc &", "exit", "docker ps"]);
});

test("what is printed is as the lines say: words, any text, any lines, spaces", async () => {
  const table = "NAME   AGE\nweb    5s\nother  6s\nlast line";
  await read(["$ ls", "NAME AGE", "<name> ...", "...", "last line", "$ show <name>", "<name>!"], {
    ls: table,
    "show web": "web!",
  });
  for (const [lines, printed] of [
    [["NAME AGE"], table],
    [["NAME AGE", "web 5s", "last line"], table],
    [["<a> <a>"], "one two"],
    [["a.c"], "abc"],
    [[ID], "2c30b978c87b"],
  ] as const)
    await assert.rejects(read(["$ ls", ...lines], { ls: printed }), assert.AssertionError, lines.join("|"));
});

test("the exit status counts, whatever is printed", async () => {
  await read(["$ false", "exit status 1"], {}, 1);
  await assert.rejects(read(["$ false"], {}, 1), assert.AssertionError);
  await assert.rejects(read(["$ true", "exit status 1"], {}, 0), assert.AssertionError);
});

test("what no transcript can mean is said: output before a command, a word that nothing has printed", async () => {
  assert.throws(() => parseTranscript("```\nprinted\n```"), /no command is before/);
  assert.throws(() => parseTranscript("```\n$ ls"), /no end/);
  await assert.rejects(read(["$ show <name>"], {}), /nothing has printed <name>/);
  await assert.rejects(read(["# in a container"], {}), assert.AssertionError);
});
