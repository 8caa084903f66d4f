/** The journal in an SQLite file: hands every request to the database's thread and waits for the answer. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { StoreWriteError } from "./errors.ts";
import type { Journal, JournalContent, JournalRow, JournalRowName } from "./journal.ts";
import type { Revision } from "../store.ts";
import { packRows, putTogether, type ThreadReply, type ThreadRequest } from "./thread-messages.ts";

/**
 * Opens or creates the database at `path` and reads it whole.
 * Throws StoreLockedError, StoreVersionError, StoreDamagedError, StoreAccessError.
 */
export async function openDatabaseJournal(
  path: string,
): Promise<{ readonly journal: Journal; readonly content: JournalContent }> {
  // Flags of this process ("--input-type", a test runner's) are not for the thread.
  const thread = new Worker(new URL("./database-thread.ts", import.meta.url), {
    workerData: { path },
    execArgv: [],
  });
  const rows: JournalRow[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Revision>();
  const receive = (reply: ThreadReply): void => {
    if (reply.type === "rows") for (const row of reply.rows) rows.push(row);
    else if (reply.type === "opened") resolve(reply.compacted);
    else if (reply.type === "failed") reject(putTogether(reply.error));
  };
  thread.on("message", receive);
  thread.on("error", reject);
  try {
    const compacted = await promise;
    return { journal: new DatabaseJournal(thread, path), content: { compacted, rows } };
  } catch (error) {
    await thread.terminate();
    throw error;
  } finally {
    thread.off("message", receive);
    thread.off("error", reject);
  }
}

class DatabaseJournal implements Journal {
  readonly #thread: Worker;
  readonly #path: string;
  /** Who waits for a reply, in the order of the requests. */
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  /** Why the thread is gone. */
  #ended: StoreWriteError | undefined;

  constructor(thread: Worker, path: string) {
    this.#thread = thread;
    this.#path = path;
    // An idle store does not keep the process alive; one with a request under way does.
    thread.unref();
    thread.on("message", (reply: ThreadReply) => {
      const request = this.#waiting.shift();
      if (this.#waiting.length === 0) thread.unref();
      if (reply.type === "failed") request?.reject(putTogether(reply.error));
      else request?.resolve();
    });
    thread.on("error", (error) => this.#end(error));
    thread.on("exit", () => this.#end(undefined));
  }

  // oxlint-disable-next-line typescript/promise-function-async -- passes a promise on
  write(rows: readonly JournalRow[]): Promise<void> {
    return this.#request({ type: "write", rows: packRows(rows) });
  }

  // oxlint-disable-next-line typescript/promise-function-async -- passes a promise on
  forget(compacted: Revision, rows: readonly JournalRowName[]): Promise<void> {
    return this.#request({ type: "forget", compacted, rows });
  }

  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    const exit = once(this.#thread, "exit");
    await this.#request({ type: "close" });
    this.#thread.ref();
    await exit;
  }

  // oxlint-disable-next-line typescript/promise-function-async -- passes a promise on
  #request(request: ThreadRequest): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const waiting = Promise.withResolvers<void>();
    this.#waiting.push(waiting);
    this.#thread.ref();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a browser window
    this.#thread.postMessage(request);
    return waiting.promise;
  }

  #end(cause: unknown): void {
    this.#ended ??= new StoreWriteError(`the thread that writes ${this.#path} has ended: restart`, true, {
      cause,
    });
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#ended);
  }
}
