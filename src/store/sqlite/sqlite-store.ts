/** The embedded store: durable in one SQLite file, with all current state in memory. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Store } from "../store.ts";
import { openDatabaseJournal } from "./database-journal.ts";
import { DurableStore, type DurableStoreOptions } from "./durable-store.ts";
import { StoreAccessError } from "./errors.ts";

export interface SqliteStoreOptions extends DurableStoreOptions {
  /** The directory that holds the store; made with mode 0700 if it is not there. The file in it is store.db. */
  readonly dataDir: string;
}

/**
 * Opens the store in a data directory, or makes a new one there. Only one process can have it open.
 * Throws StoreLockedError, StoreVersionError, StoreDamagedError, StoreAccessError: one line each that says what to do.
 */
export async function openSqliteStore({ dataDir, ...options }: SqliteStoreOptions): Promise<Store> {
  const path = join(dataDir, "store.db");
  prepareFile(path);
  const { journal, content } = await openDatabaseJournal(path);
  try {
    return new DurableStore(journal, content, options);
  } catch (error) {
    await journal.close();
    throw error;
  }
}

/**
 * Makes the directory and the empty file, readable by nobody else: the store holds Secrets. SQLite's own files take
 * the file's mode.
 */
function prepareFile(path: string): void {
  const directory = dirname(path);
  try {
    const made = mkdirSync(directory, { recursive: true, mode: 0o700 });
    // A new name is durable only when its directory has been flushed.
    if (made !== undefined) flushDirectory(dirname(made));
    // Never opens a file that exists: closing it would drop this process's locks on it (fcntl(2)), SQLite's included.
    if (existsSync(path)) return;
    closeSync(openSync(path, "ax", 0o600));
    flushDirectory(directory);
  } catch (error) {
    throw new StoreAccessError(
      `cannot make ${path} (${(error as Error).message}): check the rights, or choose another data directory`,
      { cause: error },
    );
  }
}

function flushDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
