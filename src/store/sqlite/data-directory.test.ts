import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempDisposable, open, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { eventLine, put, readUpTo, remove } from "../compliance.ts";
import type { Store } from "../store.ts";
import { SCHEMA_VERSION, StoreDatabase } from "./database.ts";
import { StoreAccessError, StoreDamagedError, StoreLockedError, StoreVersionError } from "./errors.ts";
import { openSqliteStore } from "./sqlite-store.ts";

async function temporary(): Promise<{ path: string } & AsyncDisposable> {
  return mkdtempDisposable(join(tmpdir(), "fairlead-store-"));
}

async function openStore(dataDir: string): Promise<Store> {
  return openSqliteStore({ dataDir, retention: { intervalMs: 0 } });
}

/** One line that says what is wrong and what to do. */
function oneLine(kind: abstract new (...args: never[]) => Error, pattern: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof kind, String(error));
    assert.match(error.message, pattern);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  };
}

describe("the data directory", () => {
  test("is made for its owner only", async () => {
    await using parent = await temporary();
    const dataDir = join(parent.path, "a", "b");
    await using store = await openStore(dataDir);
    await store.commit([put("/a", "1")]);
    const mode = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);
    assert.equal(await mode(dataDir), "700");
    assert.equal(await mode(join(dataDir, "store.db")), "600");
    assert.equal(await mode(join(dataDir, "store.db-wal")), "600");
  });

  test("keeps state, history, compaction and revision over closing and opening", async () => {
    await using directory = await temporary();
    {
      await using store = await openStore(directory.path);
      await store.commit([put("/a", "1"), put("/empty", "")]);
      await store.commit([put("/b", "1")]);
      await store.commit([remove("/b")]);
      await store.compact(1);
    }
    await using store = await openStore(directory.path);
    assert.deepEqual([store.revision, store.compactedRevision], [3, 1]);
    assert.deepEqual((await store.get("/empty"))?.value, new Uint8Array());
    using watch = store.watch("", 1);
    assert.deepEqual((await readUpTo(watch, 3)).map(eventLine), ["2 put /b=1", "3 delete /b (was 1)"]);
    assert.equal(await store.commit([put("/a", "2", 1)]), 4);
  });

  test("is written with the settings that make a commit survive power loss", async () => {
    await using directory = await temporary();
    using database = new StoreDatabase(join(directory.path, "store.db"));
    // 2 is FULL: fsync on the log before each COMMIT returns.
    assert.equal(database.setting("synchronous"), 2);
    assert.equal(database.setting("journal_mode"), "wal");
    assert.equal(database.setting("locking_mode"), "exclusive");
    assert.equal(database.setting("user_version"), SCHEMA_VERSION);
  });

  test("is locked: in this process, and for another one, which is told who has it", async () => {
    await using directory = await temporary();
    await using store = await openStore(directory.path);
    await store.commit([put("/a", "1")]);
    const inUse = oneLine(StoreLockedError, new RegExp(`in use by process ${process.pid}: stop it`));
    await assert.rejects(openStore(directory.path), inUse);
    const program = `
      import { openSqliteStore } from ${JSON.stringify(fileURLToPath(new URL("./sqlite-store.ts", import.meta.url)))};
      await openSqliteStore({ dataDir: ${JSON.stringify(directory.path)} }).catch((error) => console.log(error.name, error.pid));
    `;
    const { stdout } = await promisify(execFile)(process.execPath, [
      "--input-type=module",
      "--eval",
      program,
    ]);
    assert.equal(stdout, `StoreLockedError ${process.pid}\n`);
    assert.equal(await store.commit([put("/a", "2")]), 2);
  });

  test("of another version is refused, and not changed", async () => {
    await using directory = await temporary();
    const path = join(directory.path, "store.db");
    await (await openStore(directory.path))[Symbol.asyncDispose]();
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 99");
    database.close();
    const before = await readFile(path);
    const message =
      /store version 99, and this fairlead reads version 1 only: run the fairlead that wrote it, or/;
    await assert.rejects(openStore(directory.path), oneLine(StoreVersionError, message));
    assert.deepEqual(await readFile(path), before);
  });

  test("with somebody else's database is refused", async () => {
    await using directory = await temporary();
    const database = new DatabaseSync(join(directory.path, "store.db"));
    database.exec("CREATE TABLE theirs (x)");
    database.close();
    await assert.rejects(openStore(directory.path), oneLine(StoreVersionError, /not one of fairlead's/));
  });

  test("with a file that is no database is refused", async () => {
    await using directory = await temporary();
    await writeFile(join(directory.path, "store.db"), "not a database at all, ".repeat(1000));
    await assert.rejects(openStore(directory.path), oneLine(StoreDamagedError, /is damaged .*backup/));
  });

  test("with a damaged database is refused", async () => {
    await using directory = await temporary();
    const path = join(directory.path, "store.db");
    {
      await using store = await openStore(directory.path);
      await store.commit(Array.from({ length: 500 }, (_, i) => put(`/${i}`, "x".repeat(500))));
    }
    const file = await open(path, "r+");
    const { size } = await file.stat();
    // All pages but the first two: header and schema stay readable.
    await file.write(Buffer.alloc(size - 16_384, 0xa5), 0, size - 16_384, 16_384);
    await file.close();
    await assert.rejects(openStore(directory.path), oneLine(StoreDamagedError, /is damaged .*backup/));
  });

  test("that cannot be made is refused", async () => {
    await using directory = await temporary();
    const file = join(directory.path, "file");
    await writeFile(file, "");
    await assert.rejects(openStore(join(file, "data")), oneLine(StoreAccessError, /cannot make .*rights/));
  });
});
