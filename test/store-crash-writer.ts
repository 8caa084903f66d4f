/**
 * The process that test/store-crash.test.ts kills: commits as fast as it can, and says each acknowledgement.
 *
 * Arguments: the data directory, and how many writers run at once. Prints "open REVISION", then "WRITER N REVISION" for
 * each acknowledged commit. Commit N of a writer puts N under two keys, puts a new key and deletes an old one.
 */
import { writeSync } from "node:fs";
import { openSqliteStore } from "../src/store/sqlite/sqlite-store.ts";
import type { Operation } from "../src/store/store.ts";

const [dataDir, writers] = [process.argv[2]!, Number(process.argv[3])];

/** Written at once and by the kernel: what the parent has read was acknowledged before the kill. */
function say(line: string): void {
  let rest = Buffer.from(`${line}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      // The pipe is full: the parent is late with its reading.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}

const store = await openSqliteStore({ dataDir, retention: { intervalMs: 0 } });
const opened = store.revision;
say(`open ${opened}`);

async function write(writer: number): Promise<never> {
  const last = await store.get(`/${writer}/a`);
  let n = last === undefined ? 0 : Number(new TextDecoder().decode(last.value));
  let expect = last?.modRevision ?? 0;
  for (;;) {
    n++;
    const value = new TextEncoder().encode(String(n));
    const operations: Operation[] = [
      { type: "put", key: `/${writer}/a`, value, expect },
      { type: "put", key: `/${writer}/item/${n}`, value, expect: 0 },
      { type: "delete", key: `/${writer}/item/${n - 20}` },
      { type: "put", key: `/${writer}/b`, value },
    ];
    expect = await store.commit(operations);
    say(`${writer} ${n} ${expect}`);
    // The parent still wants to watch from where this process began.
    if (n % 50 === 0) await store.compact(opened);
  }
}

await Promise.all(Array.from({ length: writers }, async (_, writer) => write(writer)));
