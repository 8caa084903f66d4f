import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventLine, put, readUpTo, remove } from "../compliance.ts";
import { ConflictError, type Revision } from "../store.ts";
import { DurableStore } from "./durable-store.ts";
import { StoreDamagedError, StoreWriteError } from "./errors.ts";
import type { Journal, JournalContent, JournalRow, JournalRowName } from "./journal.ts";

const noCompaction = { retention: { intervalMs: 0 } };

/** A journal that writes when the test says so. */
class HeldJournal implements Journal {
  rows: JournalRow[] = [];
  compacted = 0;
  /** The batches that wait to be written. */
  readonly waiting: { readonly rows: readonly JournalRow[]; readonly done: PromiseWithResolvers<void> }[] =
    [];
  readonly #arrived: (() => void)[] = [];

  // oxlint-disable-next-line typescript/promise-function-async -- passes a promise on
  write(rows: readonly JournalRow[]): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.waiting.push({ rows, done });
    for (const resume of this.#arrived.splice(0)) resume();
    return done.promise;
  }

  async forget(compacted: Revision, names: readonly JournalRowName[]): Promise<void> {
    this.compacted = compacted;
    const gone = new Set(names.map(({ revision, key }) => `${revision} ${key}`));
    this.rows = this.rows.filter(({ revision, key }) => !gone.has(`${revision} ${key}`));
  }

  async close(): Promise<void> {}

  /** Waits for a batch and writes it, or fails it. Returns its rows as "revision key". */
  async flush(error?: Error): Promise<readonly string[]> {
    if (this.waiting.length === 0) await new Promise<void>((resolve) => this.#arrived.push(resolve));
    const { rows, done } = this.waiting.shift()!;
    if (error === undefined) {
      this.rows.push(...rows);
      done.resolve();
    } else done.reject(error);
    return names(rows);
  }

  get content(): JournalContent {
    return { compacted: this.compacted, rows: this.rows };
  }
}

function names(rows: readonly JournalRowName[]): readonly string[] {
  return rows.map(({ revision, key }) => `${revision} ${key}`);
}

function open(content: JournalContent = { compacted: 0, rows: [] }): {
  journal: HeldJournal;
  store: DurableStore;
} {
  const journal = new HeldJournal();
  journal.rows.push(...content.rows);
  journal.compacted = content.compacted;
  return { journal, store: new DurableStore(journal, content, noCompaction) };
}

/** Lets everything that can go on do so: two turns of the event loop. */
async function turn(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe("a commit of the durable store", () => {
  test("is seen by nobody before it is in the journal", async () => {
    const { journal, store } = open();
    await using _ = store;
    using watch = store.watch("", 0);
    let seen = false;
    let acknowledged = false;
    const next = watch.next().finally(() => (seen = true));
    const commit = store.commit([put("/a", "1")]).finally(() => (acknowledged = true));
    await turn();
    assert.equal(journal.waiting.length, 1);
    assert.deepEqual([seen, acknowledged, store.revision], [false, false, 0]);
    assert.equal(await store.get("/a"), undefined);
    assert.deepEqual((await store.list("")).entries, []);
    await journal.flush();
    assert.equal(await commit, 1);
    assert.equal((await store.get("/a"))?.modRevision, 1);
    assert.deepEqual((await next).value?.map(eventLine), ["1 put /a=1"]);
  });

  test("shares one write with those of its turn, and with those that come during a write", async () => {
    const { journal, store } = open();
    await using _ = store;
    const first = [store.commit([put("/a", "1")]), store.commit([put("/b", "1"), put("/c", "1")])];
    await turn();
    const second = [store.commit([put("/d", "1")])];
    await turn();
    second.push(store.commit([put("/a", "2", 1)]));
    assert.equal(journal.waiting.length, 1);
    assert.deepEqual(await journal.flush(), ["1 /a", "2 /b", "2 /c"]);
    assert.deepEqual(await Promise.all(first), [1, 2]);
    assert.deepEqual(await journal.flush(), ["3 /d", "4 /a"]);
    assert.deepEqual(await Promise.all(second), [3, 4]);
  });

  test("that conflicts with one under way is refused when that is durable, and told what it wrote", async () => {
    const { journal, store } = open();
    await using _ = store;
    const winner = store.commit([put("/a", "1", 0)]);
    let refused = false;
    const loser = store.commit([put("/a", "2", 0)]).finally(() => (refused = true));
    const nothing = store.commit([remove("/none")]);
    void loser.catch(() => undefined);
    await turn();
    assert.equal(refused, false);
    await journal.flush();
    assert.equal(await winner, 1);
    assert.equal(await nothing, 1);
    await assert.rejects(loser, (error: unknown) => {
      assert.ok(error instanceof ConflictError);
      assert.equal(error.current?.modRevision, 1);
      return true;
    });
  });

  test("that cannot be written takes those that build on it with it, and leaves no trace", async () => {
    const { journal, store } = open();
    await using _ = store;
    const commits = [store.commit([put("/a", "1")])];
    await turn();
    commits.push(store.commit([put("/a", "2", 1)]), store.commit([put("/a", "x", 7)]));
    const outcomes = Promise.allSettled(commits);
    const full = new StoreWriteError("the disk is full", false);
    await journal.flush(full);
    for (const outcome of await outcomes) assert.deepEqual(outcome, { status: "rejected", reason: full });
    assert.equal(store.revision, 0);
    const again = store.commit([put("/a", "3", 0)]);
    assert.deepEqual(await journal.flush(), ["1 /a"]);
    assert.equal(await again, 1);
  });

  test("is refused after the disk has failed for good, while reading goes on", async () => {
    const { journal, store } = open();
    await using _ = store;
    const first = store.commit([put("/a", "1")]);
    await journal.flush();
    await first;
    const broken = store.commit([put("/a", "2")]);
    void broken.catch(() => undefined);
    await journal.flush(new StoreWriteError("input/output error", true));
    await assert.rejects(broken, StoreWriteError);
    await assert.rejects(store.commit([put("/a", "3")]), StoreWriteError);
    assert.equal((await store.get("/a"))?.modRevision, 1);
  });
});

describe("compacting and opening again", () => {
  /** A store with: /a put twice, /b deleted, /c kept; and one more put of /a. */
  async function filled(): Promise<{ journal: HeldJournal; store: DurableStore }> {
    const { journal, store } = open();
    for (const operations of [
      [put("/a", "1"), put("/b", "1"), put("/c", "1")],
      [put("/a", "2")],
      [remove("/b")],
      [put("/a", "3")],
    ]) {
      const commit = store.commit(operations);
      await journal.flush();
      await commit;
    }
    return { journal, store };
  }

  test("removes exactly the rows that were superseded by then", async () => {
    const { journal, store } = await filled();
    await using _ = store;
    await store.compact(3);
    assert.deepEqual(names(journal.rows), ["1 /c", "2 /a", "4 /a"]);
    await store.compact(4);
    assert.deepEqual(names(journal.rows), ["1 /c", "4 /a"]);
  });

  test("keeps the revision although the row that had it is gone", async () => {
    const { journal, store } = open();
    for (const operation of [put("/a", "1"), remove("/a")]) {
      const commit = store.commit([operation]);
      await journal.flush();
      await commit;
    }
    await store.compact(2);
    await store[Symbol.asyncDispose]();
    assert.deepEqual(journal.rows, []);
    await using again = open(journal.content).store;
    assert.deepEqual([again.revision, again.compactedRevision], [2, 2]);
  });

  test("brings back the state, the history and the revision", async () => {
    const { journal, store } = await filled();
    await store.compact(2);
    await store[Symbol.asyncDispose]();
    await using again = open(journal.content).store;
    assert.deepEqual([again.revision, again.compactedRevision], [4, 2]);
    assert.deepEqual(
      (await again.list("", { revision: 2 })).entries.map(({ key, createRevision, modRevision }) => [
        key,
        createRevision,
        modRevision,
      ]),
      [
        ["/a", 1, 2],
        ["/b", 1, 1],
        ["/c", 1, 1],
      ],
    );
    using watch = again.watch("", 2);
    assert.deepEqual((await readUpTo(watch, 4)).map(eventLine), [
      "3 delete /b (was 1)",
      "4 put /a=3 (was 2)",
    ]);
  });

  test("finishes a compaction that was cut short", async () => {
    const { journal, store } = await filled();
    await store[Symbol.asyncDispose]();
    // The mark is in the journal, the rows are all still there.
    const again = open({ compacted: 3, rows: journal.rows });
    await turn();
    assert.deepEqual(names(again.journal.rows), ["1 /c", "2 /a", "4 /a"]);
    assert.equal(await again.store.get("/b"), undefined);
    await again.store[Symbol.asyncDispose]();
  });

  test("refuses a log with a hole", async () => {
    const { journal, store } = await filled();
    await store[Symbol.asyncDispose]();
    const rows = journal.rows.filter(({ revision }) => revision !== 2);
    assert.throws(() => open({ compacted: 0, rows }), StoreDamagedError);
    const orphan = journal.rows.filter(({ revision, key }) => !(revision === 1 && key === "/b"));
    assert.throws(() => open({ compacted: 0, rows: orphan }), StoreDamagedError);
  });
});
