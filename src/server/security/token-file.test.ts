import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type Log, silentLog } from "../../base/log.ts";
import { openTokenFile, parseTokenFile, TokenFileError } from "./token-file.ts";

test("lines of a token file", () => {
  const text = [
    "# users",
    "",
    't1,alice,1,"dev, ops"',
    "t2,bob,2",
    't3,"smith, ""the"" john",3,one',
    "t4,dave,,",
  ].join("\r\n");
  assert.deepEqual(
    [...parseTokenFile("f", text).values()],
    [
      { name: "alice", uid: "1", groups: ["dev", "ops"] },
      { name: "bob", uid: "2", groups: [] },
      { name: 'smith, "the" john', uid: "3", groups: ["one"] },
      { name: "dave", groups: [] },
    ],
  );
});

test("what is wrong with a token file is said by line, without any token", () => {
  const rows: [string, RegExp][] = [
    ["\nhush,alice", /line 2 of the token file f must have at least 3 columns .*, found 2/],
    [",alice,1", /line 1 .* must have at least a token/],
    ["hush,,1", /line 1 .* must have at least a token/],
    ["hush,a,1\nhush,b,2", /line 2 .* has a token that an earlier line has too/],
    ['hush,al"ice,1', /line 1 .* has a quote in the wrong place/],
    ['hush,"alice,1', /line 1 .* has a quote in the wrong place/],
  ];
  for (const [text, message] of rows)
    assert.throws(
      () => parseTokenFile("f", text),
      (error) =>
        error instanceof TokenFileError && message.test(error.message) && !error.message.includes("hush"),
      text,
    );
});

async function scratch(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "fairlead-tokens-"));
  t.after(async () => rm(directory, { recursive: true }));
  return directory;
}

test("a token is good for this server's audiences; a file that others may read is warned of", async (t) => {
  const directory = await scratch(t);
  const path = join(directory, "tokens.csv");
  await assert.rejects(openTokenFile(path, ["us"], silentLog), /cannot read the file of tokens/);
  await writeFile(path, "t1,alice,1\n", { mode: 0o600 });
  let warnings = 0;
  const log = { ...silentLog, warn: (): void => void warnings++ };
  using file = await openTokenFile(path, ["us"], log);
  assert.equal(warnings, 0);
  const alice = { name: "alice", uid: "1", groups: [] };
  assert.deepEqual(await file.authenticateToken("t1", ["us", "them"]), { user: alice, audiences: ["us"] });
  assert.equal(await file.authenticateToken("t1", ["them"]), undefined);
  assert.equal(await file.authenticateToken("t", ["us"]), undefined);
  await chmod(path, 0o644);
  using _again = await openTokenFile(path, ["us"], log);
  assert.equal(warnings, 1);
});

/** What is logged of a file's changes, one after the other; whoever waits too long for one fails. */
class Outcomes {
  readonly #all: string[] = [];
  #next = Promise.withResolvers<void>();
  readonly log: Log = {
    ...silentLog,
    info: () => this.#add("read"),
    error: (fields) => this.#add((fields as { reason: string }).reason),
  };

  #add(outcome: string): void {
    this.#all.push(outcome);
    this.#next.resolve();
  }

  async next(): Promise<string> {
    const late = setTimeout(() => this.#next.reject(new Error("nothing was heard for 10 s")), 10_000);
    while (this.#all.length === 0) {
      await this.#next.promise;
      this.#next = Promise.withResolvers();
    }
    clearTimeout(late);
    return this.#all.shift()!;
  }

  get heard(): number {
    return this.#all.length;
  }
}

test("a file that changes counts as a whole from then on; a broken one changes nothing", async (t) => {
  const directory = await scratch(t);
  const path = join(directory, "tokens.csv");
  const put = async (text: string, at = path): Promise<void> => writeFile(at, text, { mode: 0o600 });
  await put("t1,alice,1\nt2,bob,2\n");
  const outcomes = new Outcomes();
  using file = await openTokenFile(path, ["us"], outcomes.log);
  const good = async (): Promise<string> => {
    const names = await Promise.all(
      ["t1", "t2", "t3"].map(
        async (token) => (await file.authenticateToken(token, ["us"]))?.user.name ?? "-",
      ),
    );
    return names.join(" ");
  };
  assert.equal(await good(), "alice bob -");
  await put("t1,alice,1\nt3,carol,3\n");
  assert.equal(await outcomes.next(), "read");
  assert.equal(await good(), "alice - carol", "written in place");
  await put("t2,bob,2\nhush\n");
  const broken = await outcomes.next();
  assert.match(broken, /^line 2 of the token file .* must have at least 3 columns .*, found 1$/);
  assert.equal(await good(), "alice - carol", "the line before the broken one does not count either");
  await put("t2,dave,2\n", `${path}.new`);
  await rename(`${path}.new`, path);
  assert.equal(await outcomes.next(), "read");
  assert.equal(await good(), "- dave -", "replaced");
  await unlink(path);
  assert.match(await outcomes.next(), /^cannot read the file of tokens .* ENOENT/);
  assert.equal(await good(), "- dave -", "removed");
  await put("t1,erin,1\n");
  assert.equal(await outcomes.next(), "read");
  assert.equal(await good(), "erin - -");
});

test("a file behind links, as in a Kubernetes volume, is followed through them", async (t) => {
  const directory = await scratch(t);
  for (const [version, name] of [
    ["v1", "alice"],
    ["v2", "bob"],
  ] as const) {
    await mkdir(join(directory, version));
    await writeFile(join(directory, version, "tokens.csv"), `t,${name},1\n`, { mode: 0o600 });
  }
  await symlink("v1", join(directory, "..data"));
  const path = join(directory, "tokens.csv");
  await symlink("..data/tokens.csv", path);
  const outcomes = new Outcomes();
  using file = await openTokenFile(path, ["us"], outcomes.log);
  const name = async (): Promise<string | undefined> =>
    (await file.authenticateToken("t", ["us"]))?.user.name;
  await writeFile(join(directory, "v1/tokens.csv"), "t,carol,1\n");
  assert.equal(await outcomes.next(), "read");
  assert.equal(await name(), "carol");
  await symlink("v2", join(directory, "..new"));
  await rename(join(directory, "..new"), join(directory, "..data"));
  assert.equal(await outcomes.next(), "read");
  assert.equal(await name(), "bob");
  await writeFile(join(directory, "v2/tokens.csv"), "t,dave,1\n");
  assert.equal(await outcomes.next(), "read");
  assert.equal(await name(), "dave");
});

test("a file is followed until it is disposed", async (t) => {
  const path = join(await scratch(t), "tokens.csv");
  await writeFile(path, "t1,alice,1\n", { mode: 0o600 });
  const outcomes = new Outcomes();
  const file = await openTokenFile(path, ["us"], outcomes.log);
  file[Symbol.dispose]();
  using _other = await openTokenFile(path, ["us"], silentLog);
  await writeFile(path, "t2,alice,1\n");
  const reader = new Outcomes();
  using _third = await openTokenFile(path, ["us"], reader.log);
  await writeFile(path, "t3,alice,1\n");
  assert.equal(await reader.next(), "read");
  assert.equal(outcomes.heard, 0);
  assert.equal((await file.authenticateToken("t1", ["us"]))?.user.name, "alice");
});
