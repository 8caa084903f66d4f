/**
 * The SQLite file of a durable store: one table, the log of all operations, appended to at its end.
 *
 * A key's newest row is its current state; older rows are history, removed by compaction. Nothing is written twice and
 * there is no second index, so a commit dirties one page or two. Everything here blocks: it runs in a thread of its own
 * (database-thread.ts).
 *
 * Durability: in WAL mode with synchronous=FULL, SQLite calls fsync on the write-ahead log before COMMIT returns
 * (https://sqlite.org/pragma.html#pragma_synchronous). NORMAL would survive `kill -9` but not power loss.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { readFileSync, writeFileSync } from "node:fs";
import {
  StoreAccessError,
  StoreDamagedError,
  StoreLockedError,
  StoreVersionError,
  StoreWriteError,
} from "./errors.ts";
import type { JournalRow, JournalRowName } from "./journal.ts";
import type { Revision } from "../store.ts";

/** Marks the file as a store of fairlead ("FLRD"), in SQLite's header; `file` and other tools can show it. */
const APPLICATION_ID = 0x46_4c_52_44;

/** The layout below. Another number is another layout, which this program does not read. */
export const SCHEMA_VERSION = 1;

const SCHEMA = `
  CREATE TABLE log (
    revision INTEGER NOT NULL,
    key TEXT NOT NULL,
    create_revision INTEGER NOT NULL, -- 0: the key was deleted
    value BLOB,
    PRIMARY KEY (revision, key)
  ) WITHOUT ROWID;
  CREATE TABLE compaction (revision INTEGER NOT NULL);
  INSERT INTO compaction VALUES (0);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** SQLite's primary result codes, https://sqlite.org/rescode.html */
const SQLITE_PERM = 3;
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

export class StoreDatabase implements Disposable {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #remove: StatementSync;
  readonly #compacted: StatementSync;

  /**
   * Opens or creates the file, and locks it until disposed or until the process ends, however it ends.
   * Throws StoreLockedError, StoreVersionError, StoreDamagedError, StoreAccessError.
   */
  constructor(path: string) {
    this.#path = path;
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(path, { timeout: 0 });
      // The lock is SQLite's own, on the file, for as long as it is open; it also spares the shared-memory file.
      database.exec("PRAGMA locking_mode = EXCLUSIVE");
      const isNew = checkVersion(database, path);
      // 8 KiB keeps values up to 2 KB inside the table's own pages. Takes effect on a new file only.
      database.exec("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
      // 4 MB of log between checkpoints: each takes a few milliseconds, in which commits wait.
      database.exec("PRAGMA wal_autocheckpoint = 500");
      // A write transaction, also where there is nothing to create: it takes the lock and shows that writing works.
      database.exec(`BEGIN IMMEDIATE; ${isNew ? SCHEMA : ""} COMMIT`);
      this.#insert = database.prepare(
        "INSERT INTO log (revision, key, create_revision, value) VALUES (?, ?, ?, ?)",
      );
      this.#remove = database.prepare("DELETE FROM log WHERE revision = ? AND key = ?");
      this.#compacted = database.prepare("UPDATE compaction SET revision = max(revision, ?)");
      writeFileSync(`${path}.pid`, `${process.pid}\n`, { mode: 0o600 });
    } catch (error) {
      database?.close();
      throw openError(error, path);
    }
    this.#database = database;
  }

  /** The value of a PRAGMA, to check that the settings above are in force. */
  setting(name: "journal_mode" | "synchronous" | "locking_mode" | "user_version"): unknown {
    return Object.values(this.#database.prepare(`PRAGMA ${name}`).get()!)[0];
  }

  /** 0: never compacted. */
  get compacted(): Revision {
    return this.#reading(
      () => this.#database.prepare("SELECT revision FROM compaction").get()!["revision"],
    ) as number;
  }

  /** Everything that is written down, in ascending order of revision. */
  *rows(): Generator<JournalRow> {
    const select = this.#database.prepare(
      "SELECT revision, key, create_revision AS createRevision, value FROM log ORDER BY revision, key",
    );
    const rows = this.#reading(() => select.iterate());
    for (;;) {
      const next = this.#reading(() => rows.next());
      if (next.done === true) return;
      const { revision, key, createRevision, value } = next.value;
      // An empty blob comes back as null from some versions of node:sqlite.
      yield { revision, key, createRevision, value: value ?? new Uint8Array() } as JournalRow;
    }
  }

  /** As Journal.write. */
  write(rows: Iterable<JournalRow>): void {
    this.#transaction(() => {
      for (const { revision, key, createRevision, value } of rows)
        this.#insert.run(revision, key, createRevision, value);
    });
  }

  /** As Journal.forget. */
  forget(compacted: Revision, rows: readonly JournalRowName[]): void {
    this.#transaction(() => {
      this.#compacted.run(compacted);
      for (const { revision, key } of rows) this.#remove.run(revision, key);
    });
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #transaction(work: () => void): void {
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      work();
      this.#database.exec("COMMIT");
    } catch (error) {
      // Some failures end the transaction by themselves: https://sqlite.org/lang_transaction.html
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw writeError(error, this.#path);
    }
  }

  #reading<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw openError(error, this.#path);
    }
  }
}

/** True for an empty file. Throws StoreVersionError for one that this program did not write. */
function checkVersion(database: DatabaseSync, path: string): boolean {
  const number = (sql: string): number => Object.values(database.prepare(sql).get()!)[0] as number;
  const application = number("PRAGMA application_id");
  const version = number("PRAGMA user_version");
  if (application === 0 && version === 0 && number("SELECT count(*) FROM sqlite_schema") === 0) return true;
  if (application !== APPLICATION_ID)
    throw new StoreVersionError(
      `${path} is an SQLite database, but not one of fairlead's: choose another data directory`,
    );
  if (version !== SCHEMA_VERSION)
    throw new StoreVersionError(
      `${path} has store version ${version}, and this fairlead reads version ${SCHEMA_VERSION} only: ` +
        "run the fairlead that wrote it, or choose another data directory",
    );
  return false;
}

/** SQLite's primary result code, if the error is one of SQLite's. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number")
    return undefined;
  return error.errcode & 0xff;
}

function openError(error: unknown, path: string): unknown {
  const code = resultCode(error);
  if (code === undefined) return error;
  const { message } = error as Error;
  const cause = { cause: error };
  switch (code) {
    case SQLITE_BUSY:
      return lockedError(path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new StoreDamagedError(
        `${path} is damaged (${message}): put a backup in its place, or move it away to start empty`,
        cause,
      );
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return new StoreAccessError(
        `cannot write ${path} (${message}): check who owns it and its rights, or choose another data directory`,
        cause,
      );
    case SQLITE_FULL:
      return new StoreAccessError(`cannot open ${path}: the disk is full`, cause);
    default:
      return new StoreAccessError(`cannot open ${path}: ${message}`, cause);
  }
}

function writeError(error: unknown, path: string): unknown {
  const code = resultCode(error);
  if (code === undefined) return error;
  const { message } = error as Error;
  const cause = { cause: error };
  if (code === SQLITE_FULL)
    return new StoreWriteError(
      `nothing was written to ${path}: the disk is full; make room and try again`,
      false,
      cause,
    );
  return new StoreWriteError(
    `writing ${path} failed (${message}): check the disk, then restart`,
    true,
    cause,
  );
}

function lockedError(path: string): StoreLockedError {
  const pid = readPid(path);
  const holder = pid === undefined ? "another process" : `process ${pid}`;
  return new StoreLockedError(
    `${path} is in use by ${holder}: stop it first, or choose another data directory`,
    pid,
  );
}

function readPid(path: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(`${path}.pid`, "utf8");
  } catch {
    // The other process has not written it yet: the error is about the lock, with or without the number.
    return undefined;
  }
  const pid = Number.parseInt(text, 10);
  return Number.isSafeInteger(pid) ? pid : undefined;
}
