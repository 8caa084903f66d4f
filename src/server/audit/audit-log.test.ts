import assert from "node:assert/strict";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { silentLog } from "../../base/log.ts";
import { AuditLogError, openAuditLog } from "./audit-log.ts";

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "fairlead-audit-"));
  t.after(async () => rm(path, { recursive: true }));
  return path;
}

async function linesOf(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8");
  assert.ok(text === "" || text.endsWith("\n"), "every line is whole");
  return text.split("\n").slice(0, -1);
}

test("lines are there in order once the log is closed, after those of before, for the owner only", async (t) => {
  const path = join(await directory(t), "new", "audit.log");
  for (const start of [0, 1000]) {
    await using log = await openAuditLog({ path, log: silentLog });
    for (let i = 0; i < 1000; i++) log.write(String(start + i));
  }
  assert.deepEqual(
    await linesOf(path),
    Array.from({ length: 2000 }, (_, i) => String(i)),
  );
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test("a full file is renamed, and only so many are kept", async (t) => {
  const folder = await directory(t);
  const path = join(folder, "audit.log");
  for (let round = 0; round < 10; round++) {
    await using log = await openAuditLog({ path, maxBytes: 100, keep: 2, log: silentLog });
    log.write(`${round}${"x".repeat(70)}`);
  }
  assert.deepEqual((await readdir(folder)).sort(), ["audit.log", "audit.log.1", "audit.log.2"]);
  const firsts = [];
  for (const file of ["audit.log.2", "audit.log.1", "audit.log"])
    firsts.push((await linesOf(join(folder, file))).map((line) => line[0]));
  assert.deepEqual(firsts, [["7"], ["8"], ["9"]]);
});

test("what does not fit into memory while the disk is slow is dropped and told, the rest is written", async (t) => {
  const path = join(await directory(t), "audit.log");
  const told: object[] = [];
  const log = { ...silentLog, error: (fields: object): void => void told.push(fields) };
  {
    await using audit = await openAuditLog({ path, maxWaiting: 1000, log });
    for (let i = 0; i < 100; i++) audit.write(String(i).padStart(99, "0"));
  }
  assert.equal((await linesOf(path)).length, 10);
  assert.deepEqual(told, [{ path, lines: 90 }]);
});

test("a file that cannot be made at rotation is made as soon as it can be, and nothing is lost", async (t) => {
  const folder = await directory(t);
  const path = join(folder, "audit.log");
  const failed = Promise.withResolvers<void>();
  const log = { ...silentLog, error: (): void => failed.resolve() };
  await writeFile(path, "old\n");
  {
    await using audit = await openAuditLog({ path, maxBytes: 5, keep: 1, log });
    // A folder in the place of the file that is to be renamed over.
    await mkdir(`${path}.1`);
    await appendFile(join(`${path}.1`, "x"), "");
    audit.write("first");
    await failed.promise;
    await rename(`${path}.1`, join(folder, "away"));
    audit.write("second");
    // Closing writes what waits.
  }
  const kept = [...(await linesOf(`${path}.1`)), ...(await linesOf(path))];
  assert.deepEqual(kept, ["old", "first", "second"]);
});

test("a log that cannot be opened is refused at once", async (t) => {
  const folder = await directory(t);
  await assert.rejects(openAuditLog({ path: folder, log: silentLog }), AuditLogError);
});
