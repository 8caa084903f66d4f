import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../../base/log.ts";
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

test("a token is good for this server's audiences; a file that others may read is warned of", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "fairlead-tokens-"));
  t.after(async () => rm(directory, { recursive: true }));
  const path = join(directory, "tokens.csv");
  await assert.rejects(openTokenFile(path, ["us"], silentLog), /cannot read the file of tokens/);
  await writeFile(path, "t1,alice,1\n", { mode: 0o600 });
  let warnings = 0;
  const log = { ...silentLog, warn: (): void => void warnings++ };
  const file = await openTokenFile(path, ["us"], log);
  assert.equal(warnings, 0);
  const alice = { name: "alice", uid: "1", groups: [] };
  assert.deepEqual(await file.authenticateToken("t1", ["us", "them"]), { user: alice, audiences: ["us"] });
  assert.equal(await file.authenticateToken("t1", ["them"]), undefined);
  assert.equal(await file.authenticateToken("t", ["us"]), undefined);
  await chmod(path, 0o644);
  await openTokenFile(path, ["us"], log);
  assert.equal(warnings, 1);
});
