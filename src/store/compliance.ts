/**
 * What every Store must do, as tests: an implementation's test file calls `storeCompliance` with its factory.
 *
 * The second half is a model test: random commits, compactions, lists and watches run against the store and against
 * a plain array of snapshots, and must tell the same story.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { storeModelTest } from "./compliance-model.ts";
import {
  CompactedError,
  ConflictError,
  FutureRevisionError,
  type Operation,
  type Revision,
  type Store,
  StoreClosedError,
  type StoreEvent,
  type Watch,
} from "./store.ts";

/** Makes an empty store that compacts only when told to. The test disposes it. */
export type StoreFactory = () => Promise<Store>;

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);

export function put(key: string, value: string, expect?: Revision): Operation {
  return { type: "put", key, value: encode(value), ...(expect === undefined ? {} : { expect }) };
}

export function remove(key: string, expect?: Revision): Operation {
  return { type: "delete", key, ...(expect === undefined ? {} : { expect }) };
}

function check(key: string, expect: Revision): Operation {
  return { type: "check", key, expect };
}

/** "3 put /a=x", "4 delete /a (was x)": an event as a line. */
export function eventLine(event: StoreEvent): string {
  const was = event.previous === undefined ? "" : ` (was ${decode(event.previous.value)})`;
  return event.type === "put"
    ? `${event.revision} put ${event.entry.key}=${decode(event.entry.value)}${was}`
    : `${event.revision} delete ${event.previous.key}${was}`;
}

/** Reads from a watch until it has given events up to `revision`. */
export async function readUpTo(watch: Watch, revision: Revision): Promise<readonly StoreEvent[]> {
  const events: StoreEvent[] = [];
  while ((events.at(-1)?.revision ?? 0) < revision) {
    const { done, value } = await watch.next();
    if (done === true) break;
    events.push(...value);
  }
  return events;
}

async function keys(store: Store, prefix: string, revision?: Revision): Promise<readonly string[]> {
  const { entries } = await store.list(prefix, revision === undefined ? {} : { revision });
  return entries.map(({ key, value }) => `${key}=${decode(value)}`);
}

/** `histories`: how many random histories the model test runs; each makes a store. */
export function storeCompliance(
  name: string,
  factory: StoreFactory,
  { histories = 300 }: { readonly histories?: number } = {},
): void {
  describe(`${name} keeps the Store contract`, () => {
    describe("commit", () => commitTests(factory));
    describe("list", () => listTests(factory));
    describe("watch", () => watchTests(factory));
    describe("compact", () => compactTests(factory));
    describe("close", () => closeTests(factory));
    storeModelTest(factory, histories);
  });
}

function commitTests(factory: StoreFactory): void {
  test("an empty store is at revision 0 and each commit takes the next", async () => {
    await using store = await factory();
    assert.equal(store.revision, 0);
    assert.equal(await store.commit([put("/a", "1")]), 1);
    assert.equal(await store.commit([put("/b", "1"), put("/a", "2")]), 2);
    assert.equal(await store.commit([remove("/b")]), 3);
    assert.equal(store.revision, 3);
    assert.deepEqual(await store.get("/a"), {
      key: "/a",
      value: encode("2"),
      createRevision: 1,
      modRevision: 2,
    });
    assert.equal(await store.get("/b"), undefined);
  });

  test("a key that was deleted and put again has a new createRevision", async () => {
    await using store = await factory();
    await store.commit([put("/a", "1")]);
    await store.commit([remove("/a")]);
    await store.commit([put("/a", "2")]);
    assert.equal((await store.get("/a"))?.createRevision, 3);
  });

  test("empty values are values", async () => {
    await using store = await factory();
    await store.commit([put("/a", "")]);
    assert.deepEqual((await store.get("/a"))?.value, new Uint8Array());
  });

  test("a commit that changes nothing takes no revision", async () => {
    await using store = await factory();
    await store.commit([put("/a", "1")]);
    assert.equal(await store.commit([]), 1);
    assert.equal(await store.commit([remove("/b")]), 1);
    assert.equal(await store.commit([remove("/b", 0)]), 1);
    assert.equal(await store.commit([check("/a", 1), check("/b", 0)]), 1);
    assert.equal(store.revision, 1);
  });

  test("a key may occur only once in a commit", async () => {
    await using store = await factory();
    await assert.rejects(store.commit([put("/a", "1"), remove("/a")]), RangeError);
    assert.equal(store.revision, 0);
  });

  const rules: readonly [what: string, operation: Operation, at: Revision | undefined][] = [
    ["put of a new key that expects none", put("/new", "x", 0), undefined],
    ["put that expects none where there is one", put("/a", "x", 0), 2],
    ["put that expects the revision that is there", put("/a", "x", 2), undefined],
    ["put that expects the revision before", put("/a", "x", 1), 2],
    ["put that expects a revision of a key that is not there", put("/new", "x", 1), 0],
    ["put without expectation", put("/a", "x"), undefined],
    ["delete that expects the revision that is there", remove("/a", 2), undefined],
    ["delete that expects another revision", remove("/a", 3), 2],
    ["delete that expects a key that is not there", remove("/new", 2), 0],
    ["check of the revision that is there", check("/a", 2), undefined],
    ["check of another revision", check("/a", 1), 2],
    ["check that there is none", check("/new", 0), undefined],
    ["check that there is none where there is one", check("/a", 0), 2],
    ["check of a key that is not there", check("/new", 2), 0],
  ];
  for (const [what, operation, conflictsWith] of rules) {
    test(`${what}: ${conflictsWith === undefined ? "done" : `conflict with ${conflictsWith}`}`, async () => {
      await using store = await factory();
      await store.commit([put("/a", "1")]);
      await store.commit([put("/a", "2")]);
      const commit = store.commit([put("/other", "x"), operation]);
      if (conflictsWith === undefined) {
        assert.equal(await commit, 3);
        return;
      }
      await assert.rejects(commit, (error: unknown) => {
        assert.ok(error instanceof ConflictError);
        assert.equal(error.key, operation.key);
        assert.equal(error.current?.modRevision ?? 0, conflictsWith);
        return true;
      });
      assert.equal(store.revision, 2);
      assert.deepEqual(await keys(store, ""), ["/a=2"]);
    });
  }

  test("of commits under way together that expect the same, exactly one wins; the others see what it wrote", async () => {
    await using store = await factory();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, async (_, i) => store.commit([put("/a", `${i}`, 0)])),
    );
    const winners = outcomes.filter((outcome) => outcome.status === "fulfilled");
    assert.deepEqual(winners, [{ status: "fulfilled", value: 1 }]);
    const current = await store.get("/a");
    for (const outcome of outcomes.slice(1)) {
      assert.ok(outcome.status === "rejected" && outcome.reason instanceof ConflictError);
      assert.deepEqual(outcome.reason.current, current);
    }
  });

  test("commits under way together take effect in the order of the calls, each on top of the one before", async () => {
    await using store = await factory();
    const revisions = await Promise.all([
      store.commit([put("/a", "1", 0)]),
      store.commit([put("/a", "2", 1)]),
      store.commit([remove("/a", 2)]),
      store.commit([remove("/a")]),
      store.commit([put("/a", "3", 0)]),
    ]);
    assert.deepEqual(revisions, [1, 2, 3, 3, 4]);
    assert.deepEqual(await keys(store, ""), ["/a=3"]);
  });

  test("an acknowledged commit can be read and listed at once", async () => {
    await using store = await factory();
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const revision = await store.commit([put(`/${i}`, "x")]);
        assert.equal((await store.get(`/${i}`))?.modRevision, revision);
        assert.ok(store.revision >= revision);
      }),
    );
  });

  test("a small value cut from a large buffer does not keep it alive", async () => {
    await using store = await factory();
    const large = new Uint8Array(1_000_000).fill(7);
    await store.commit([{ type: "put", key: "/a", value: large.subarray(10, 20) }]);
    const { value } = (await store.get("/a"))!;
    assert.deepEqual(value, new Uint8Array(10).fill(7));
    assert.ok(value.buffer.byteLength < 1000);
  });
}

function listTests(factory: StoreFactory): void {
  test("returns what is under the prefix, in order of key, as bytes order it", async () => {
    await using store = await factory();
    await store.commit(["/b/2", "/a", "/b", "/b/1", "/b/10", "/c", "/b-", "/b0"].map((key) => put(key, "x")));
    assert.deepEqual(
      (await store.list("/b/")).entries.map((entry) => entry.key),
      ["/b/1", "/b/10", "/b/2"],
    );
    assert.deepEqual(
      (await store.list("")).entries.map((entry) => entry.key),
      ["/a", "/b", "/b-", "/b/1", "/b/10", "/b/2", "/b0", "/c"],
    );
    assert.deepEqual(await store.list("/none/"), { entries: [], revision: 1, remaining: 0 });
  });

  test("pages through a fixed revision while writes go on", async () => {
    await using store = await factory();
    for (let i = 0; i < 50; i++) await store.commit([put(`/k/${String(i * 2).padStart(3, "0")}`, "old")]);
    const before = await keys(store, "/k/");
    const { revision } = store;
    const listed: string[] = [];
    for (let after: string | undefined; ;) {
      const page = await store.list("/k/", { revision, limit: 7, ...(after === undefined ? {} : { after }) });
      assert.equal(page.revision, revision);
      listed.push(...page.entries.map(({ key, value }) => `${key}=${decode(value)}`));
      assert.equal(page.remaining, before.length - listed.length);
      after = page.entries.at(-1)?.key;
      if (page.remaining === 0) break;
      const n = listed.length;
      await store.commit([put(`/k/${String(n * 2 + 1).padStart(3, "0")}`, "new"), put("/k/000", "new")]);
      await store.commit([remove(`/k/${String((n + 2) * 2).padStart(3, "0")}`)]);
      await store.commit([put(`/k/${String((n + 3) * 2).padStart(3, "0")}`, "changed")]);
    }
    assert.deepEqual(listed, before);
    assert.notDeepEqual(await keys(store, "/k/"), before);
  });

  test("reads any revision since the last compaction, and says which it cannot", async () => {
    await using store = await factory();
    await store.commit([put("/a", "1")]);
    await store.commit([put("/a", "2"), put("/b", "1")]);
    await store.commit([remove("/a")]);
    assert.deepEqual(await keys(store, "", 0), []);
    assert.deepEqual(await keys(store, "", 1), ["/a=1"]);
    assert.deepEqual(await keys(store, "", 2), ["/a=2", "/b=1"]);
    assert.deepEqual(await keys(store, "", 3), ["/b=1"]);
    await assert.rejects(store.list("", { revision: 4 }), FutureRevisionError);
  });

  test("refuses a limit that is not above 0", async () => {
    await using store = await factory();
    await assert.rejects(store.list("", { limit: 0 }), RangeError);
  });
}

function watchTests(factory: StoreFactory): void {
  test("replays from any revision and goes on with what comes", async () => {
    await using store = await factory();
    await store.commit([put("/a", "1"), put("/x", "1")]);
    await store.commit([put("/a", "2")]);
    using fromStart = store.watch("/a", 0);
    using fromOne = store.watch("/a", 1);
    await store.commit([remove("/a")]);
    const all = ["1 put /a=1", "2 put /a=2 (was 1)", "3 delete /a (was 2)"];
    assert.deepEqual((await readUpTo(fromStart, 3)).map(eventLine), all);
    assert.deepEqual((await readUpTo(fromOne, 3)).map(eventLine), all.slice(1));
  });

  test("wakes a waiting reader, and one that stays behind misses nothing", async () => {
    await using store = await factory();
    using quick = store.watch("", 0);
    using late = store.watch("", 0);
    for (let i = 1; i <= 20; i++) {
      const next = quick.next();
      await store.commit([put("/a", `${i}`)]);
      assert.equal((await next).value?.length, 1);
    }
    assert.deepEqual(
      (await readUpTo(late, 20)).map((event) => event.revision),
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
  });

  test("never splits a commit, however far the reader is behind", async () => {
    await using store = await factory();
    using watch = store.watch("", 0);
    await store.commit(Array.from({ length: 990 }, (_, i) => put(`/a/${i}`, "x")));
    await store.commit(Array.from({ length: 50 }, (_, i) => put(`/b/${i}`, "x")));
    await store.commit(Array.from({ length: 50 }, (_, i) => put(`/c/${i}`, "x")));
    const counts = new Map<Revision, number>();
    let seen = 0;
    while (seen < 1090) {
      const item = (await watch.next()).value!;
      for (const revision of new Set(item.map((event) => event.revision))) {
        assert.ok(!counts.has(revision), `revision ${revision} came in two items`);
        counts.set(revision, item.filter((event) => event.revision === revision).length);
      }
      seen += item.length;
    }
    assert.deepEqual(
      [...counts],
      [
        [1, 990],
        [2, 50],
        [3, 50],
      ],
    );
  });

  test("may start at a revision that is still to come", async () => {
    await using store = await factory();
    using watch = store.watch("", 2);
    const next = watch.next();
    for (let i = 1; i <= 3; i++) await store.commit([put("/a", `${i}`)]);
    assert.deepEqual((await next).value?.map(eventLine), ["3 put /a=3 (was 2)"]);
  });

  test("several readers of one watch share its events", async () => {
    await using store = await factory();
    using watch = store.watch("", 0);
    const readers = [watch.next(), watch.next()];
    await store.commit([put("/a", "1")]);
    assert.equal((await readers[0]!).value?.[0]?.revision, 1);
    await store.commit([put("/a", "2")]);
    assert.equal((await readers[1]!).value?.[0]?.revision, 2);
    // More at once than one item holds: the second reader gets the rest without another commit.
    const both = [watch.next(), watch.next()];
    const many = Array.from({ length: 1000 }, (_, i) => put(`/many/${i}`, "x"));
    await Promise.all([store.commit(many), store.commit([put("/a", "3")])]);
    assert.equal((await both[0]!).value?.length, 1000);
    assert.equal((await both[1]!).value?.[0]?.revision, 4);
  });

  test("1,000 watches get the same events, once allocated, and closed ones get none", async () => {
    await using store = await factory();
    const watches = Array.from({ length: 1000 }, () => store.watch("/w/", 0));
    const reads = Promise.all(watches.map(async (watch) => readUpTo(watch, 102)));
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => store.commit([put(`/w/${i % 7}`, `${i}`)])),
    );
    await store.commit([put("/other", "x")]);
    await store.commit([put("/w/last", "x")]);
    const [first, ...rest] = await reads;
    for (const watch of watches) watch.close();
    await store.commit([put("/w/late", "x")]);
    for (const watch of watches) assert.equal((await watch.next()).done, true);
    assert.deepEqual(
      first!.map((event) => event.revision),
      [...Array.from({ length: 100 }, (_, i) => i + 1), 102],
    );
    for (const events of rest) assert.ok(events.every((event, i) => event === first![i]));
  });
}

function compactTests(factory: StoreFactory): void {
  test("forgets what happened up to the revision and keeps what was true at it", async () => {
    await using store = await factory();
    await store.commit([put("/a", "1"), put("/gone", "1")]);
    await store.commit([put("/a", "2"), remove("/gone")]);
    await store.commit([put("/a", "3")]);
    await store.compact(2);
    assert.equal(store.compactedRevision, 2);
    assert.equal(store.revision, 3);
    assert.deepEqual(await keys(store, "", 2), ["/a=2"]);
    assert.deepEqual(await keys(store, ""), ["/a=3"]);
    using watch = store.watch("", 2);
    assert.deepEqual((await readUpTo(watch, 3)).map(eventLine), ["3 put /a=3 (was 2)"]);
    await assert.rejects(store.list("", { revision: 1 }), CompactedError);
    assert.throws(
      () => store.watch("", 1),
      (error: unknown) => error instanceof CompactedError && error.requested === 1 && error.compacted === 2,
    );
  });

  test("compacting again or less is no error, compacting the future is one", async () => {
    await using store = await factory();
    for (let i = 0; i < 3; i++) await store.commit([put("/a", `${i}`)]);
    await store.compact(2);
    await store.compact(2);
    await store.compact(1);
    assert.equal(store.compactedRevision, 2);
    await assert.rejects(store.compact(4), FutureRevisionError);
    await Promise.all([store.compact(3), store.compact(2), store.compact(3)]);
    assert.equal(store.compactedRevision, 3);
  });

  test("a reader that fell behind is told; one that waits is not, and misses nothing", async () => {
    await using store = await factory();
    const behind = store.watch("", 0);
    using waiting = store.watch("", 0);
    using elsewhere = store.watch("/elsewhere", 0);
    const next = waiting.next();
    const none = elsewhere.next();
    await store.commit([put("/a", "1")]);
    const compaction = store.compact(1);
    assert.deepEqual((await next).value?.map(eventLine), ["1 put /a=1"]);
    await compaction;
    await assert.rejects(behind.next(), CompactedError);
    assert.equal((await behind.next()).done, true);
    await store.commit([put("/elsewhere", "1")]);
    assert.deepEqual((await none).value?.map(eventLine), ["2 put /elsewhere=1"]);
  });
}

function closeTests(factory: StoreFactory): void {
  test("a closed watch is done, for the reader that waits and for later ones", async () => {
    await using store = await factory();
    const watch = store.watch("", 0);
    const next = watch.next();
    watch.close();
    watch.close();
    assert.deepEqual(await next, { done: true, value: undefined });
    assert.deepEqual(await watch.next(), { done: true, value: undefined });
  });

  test("leaving a for-await loop closes the watch", async () => {
    await using store = await factory();
    await store.commit([put("/a", "1")]);
    const watch = store.watch("", 0);
    for await (const item of watch) {
      assert.equal(item.length, 1);
      break;
    }
    assert.equal((await watch.next()).done, true);
  });

  test("closing the store finishes commits under way, ends watches and refuses the rest", async () => {
    const store = await factory();
    const watch = store.watch("", 0);
    const next = watch.next();
    const commits = Promise.all([store.commit([put("/a", "1")]), store.commit([put("/b", "1")])]);
    const closed = store[Symbol.asyncDispose]();
    assert.deepEqual(await commits, [1, 2]);
    await closed;
    const lines: string[] = (await next).value?.map(eventLine) ?? [];
    for await (const item of watch) lines.push(...item.map(eventLine));
    assert.deepEqual(lines, ["1 put /a=1", "2 put /b=1"]);
    await assert.rejects(store.commit([put("/a", "2")]), StoreClosedError);
    await assert.rejects(store.get("/a"), StoreClosedError);
    await assert.rejects(store.list(""), StoreClosedError);
    await assert.rejects(store.compact(1), StoreClosedError);
    assert.throws(() => store.watch("", 0), StoreClosedError);
    await store[Symbol.asyncDispose]();
  });
}
