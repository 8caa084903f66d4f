/**
 * The durable store is killed with SIGKILL at random moments, hundreds of times, and must have lost nothing that it
 * acknowledged. Power loss cannot be made here; against it stands fsync before each acknowledgement, which
 * src/store/sqlite/data-directory.test.ts checks by reading SQLite's settings back (synchronous=FULL in WAL mode).
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openSqliteStore } from "../src/store/sqlite/sqlite-store.ts";
import type { Revision, Store, StoreEvent } from "../src/store/store.ts";

const KILLS = 220;
const LANES = 2;
const WRITER = fileURLToPath(new URL("./store-crash-writer.ts", import.meta.url));

interface Acknowledged {
  readonly writer: number;
  readonly n: number;
  readonly revision: Revision;
}

/** One life of the writing process: started, and killed after a random time. Returns what it said before. */
async function live(dataDir: string, writers: number): Promise<readonly Acknowledged[]> {
  const child = spawn(process.execPath, [WRITER, dataDir, String(writers)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stderr = text(child.stderr);
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (said += chunk));
  // One life in eight ends while the store is being opened, the others soon after.
  if (Math.random() < 1 / 8) await setTimeout(Math.random() * 250);
  else {
    await once(child.stdout, "data");
    await setTimeout(Math.random() * 40);
  }
  child.kill("SIGKILL");
  await once(child, "close");
  assert.equal(await stderr, "");
  // A line that was cut off is none.
  const lines = said.slice(0, said.lastIndexOf("\n") + 1).match(/^\d+ \d+ \d+$/gm) ?? [];
  return lines.map((line) => {
    const [writer, n, revision] = line.split(" ").map(Number);
    return { writer: writer!, n: n!, revision: revision! };
  });
}

/** What the parent knows of one data directory: the state as its watches told it. */
class Witness {
  readonly #state = new Map<string, string>();
  #revision: Revision = 0;
  readonly counts = { kills: 0, acknowledged: 0, unacknowledged: 0, withoutCommit: 0 };

  /** Compares the store that was opened again with what was known and what was acknowledged since. */
  async check(store: Store, acknowledged: readonly Acknowledged[]): Promise<void> {
    const since = this.#revision;
    const byRevision = new Map<Revision, StoreEvent[]>();
    using watch = store.watch("", since);
    while (this.#revision < store.revision) {
      const { value } = await watch.next();
      for (const event of value!) {
        if (event.revision !== this.#revision) {
          assert.equal(event.revision, this.#revision + 1, "the watch has a gap or a repeat");
          this.#revision = event.revision;
          byRevision.set(event.revision, []);
        }
        byRevision.get(event.revision)!.push(event);
      }
    }
    for (const [revision, events] of byRevision) this.#checkWhole(revision, events);
    for (const { writer, n, revision } of acknowledged) {
      assert.ok(
        revision <= store.revision,
        `commit ${revision} was acknowledged; the store ends at ${store.revision}`,
      );
      assert.equal(
        valueOf(byRevision.get(revision), `/${writer}/a`),
        String(n),
        `commit ${revision} is not what it was`,
      );
    }
    const { entries } = await store.list("");
    const listed = new Map(entries.map(({ key, value }) => [key, new TextDecoder().decode(value)]));
    assert.deepEqual(listed, new Map([...this.#state].sort(([a], [b]) => (a < b ? -1 : 1))));
    this.counts.kills++;
    this.counts.acknowledged += acknowledged.length;
    this.counts.unacknowledged += byRevision.size - acknowledged.length;
    if (byRevision.size === 0) this.counts.withoutCommit++;
  }

  /** A commit is there with all its keys, and each writer's numbers have no hole. */
  #checkWhole(revision: Revision, events: readonly StoreEvent[]): void {
    const first = events[0]!;
    assert.ok(first.type === "put");
    const writer = first.entry.key.split("/")[1]!;
    const n = Number(new TextDecoder().decode(first.entry.value));
    assert.equal(
      n,
      Number(this.#state.get(`/${writer}/a`) ?? 0) + 1,
      `writer ${writer} lost a commit before ${revision}`,
    );
    const expected = [
      `put /${writer}/a`,
      `put /${writer}/item/${n}`,
      `delete /${writer}/item/${n - 20}`,
      `put /${writer}/b`,
    ];
    const got = events.map(
      (event) => `${event.type} ${event.type === "put" ? event.entry.key : event.previous.key}`,
    );
    // Within a commit the order of events after opening is that of the keys.
    assert.deepEqual(got.sort(), expected.filter((line) => n > 20 || !line.startsWith("delete")).sort());
    for (const event of events) {
      if (event.type === "delete") this.#state.delete(event.previous.key);
      else this.#state.set(event.entry.key, new TextDecoder().decode(event.entry.value));
    }
    assert.equal(this.#state.get(`/${writer}/b`), String(n));
  }
}

function valueOf(events: readonly StoreEvent[] | undefined, key: string): string | undefined {
  const put = events?.find((event) => event.type === "put" && event.entry.key === key);
  return put?.type === "put" ? new TextDecoder().decode(put.entry.value) : undefined;
}

test(`${KILLS} kills at random moments lose no acknowledged commit and leave no half one`, async (t) => {
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    await using directory = await mkdtempDisposable(join(tmpdir(), "fairlead-crash-"));
    const witness = new Witness();
    for (let kill = 0; kill < KILLS / LANES; kill++) {
      const acknowledged = await live(directory.path, kill % 2 === 0 ? 1 : 16);
      await using store = await openSqliteStore({ dataDir: directory.path, retention: { intervalMs: 0 } });
      await witness.check(store, acknowledged);
    }
    const { kills, acknowledged, unacknowledged, withoutCommit } = witness.counts;
    t.diagnostic(
      `directory ${lane}: ${kills} kills, ${acknowledged} acknowledged commits, all there; ` +
        `${unacknowledged} more were durable but not yet acknowledged; ${withoutCommit} kills came before the first commit`,
    );
    assert.ok(acknowledged > kills, "the writers hardly wrote: the test proves nothing");
  });
  await Promise.all(lanes);
});
