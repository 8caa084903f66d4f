import assert from "node:assert/strict";
import { test } from "node:test";
import { createWorkQueue, type WorkDone, type WorkQueue } from "./workqueue.ts";

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function queueOf(
  work: (key: string) => Promise<void>,
  more: { concurrency?: number; onDone?: (done: WorkDone) => void } = {},
): { queue: WorkQueue } & Disposable {
  const end = new AbortController();
  const queue = createWorkQueue({
    name: "test",
    work,
    signal: end.signal,
    backoff: { initial: 1, limit: 4 },
    ...more,
  });
  return { queue, [Symbol.dispose]: () => end.abort() };
}

test("what is added many times in a turn is worked on once, in the next one", async () => {
  const done: string[] = [];
  using scope = queueOf(async (key) => void done.push(key));
  for (const key of ["b", "a", "b", "a", "c"]) scope.queue.add(key);
  assert.deepEqual(done, []);
  await turn();
  assert.deepEqual(done, ["b", "a", "c"]);
});

test("a key is never worked on twice at a time; added meanwhile, it has another turn", async () => {
  let running = 0;
  let runs = 0;
  const gate = Promise.withResolvers<void>();
  using scope = queueOf(async () => {
    assert.equal(running++, 0);
    runs++;
    if (runs === 1) await gate.promise;
    running--;
  });
  scope.queue.add("a");
  await turn();
  scope.queue.add("a");
  scope.queue.add("a");
  await turn();
  assert.equal(runs, 1);
  gate.resolve();
  await scope.queue.idle();
  assert.equal(runs, 2);
});

test("no more than the given number of keys are worked on at the same time, and none is forgotten", async () => {
  let [running, most, runs] = [0, 0, 0];
  using scope = queueOf(
    async () => {
      most = Math.max(most, ++running);
      await turn();
      running--;
      runs++;
    },
    { concurrency: 3 },
  );
  for (let i = 0; i < 20; i++) scope.queue.add(`k${i}`);
  await scope.queue.idle();
  assert.deepEqual([most, runs], [3, 20]);
});

test("a key that fails comes back until it works, and others do not wait for it", async () => {
  const done: string[] = [];
  const reports: WorkDone[] = [];
  let failures = 3;
  using scope = queueOf(
    async (key) => {
      if (key === "bad" && failures-- > 0) throw new Error("not yet");
      done.push(key);
    },
    { onDone: (report) => reports.push(report) },
  );
  scope.queue.add("bad");
  scope.queue.add("good");
  await scope.queue.idle();
  assert.deepEqual(done, ["good", "bad"]);
  assert.deepEqual(
    reports.map(({ key, error }) => `${key}:${error instanceof Error ? error.message : "ok"}`),
    ["bad:not yet", "good:ok", "bad:not yet", "bad:not yet", "bad:ok"],
  );
});

test("after an abort nothing is started, and what is under way ends", async () => {
  const end = new AbortController();
  const gate = Promise.withResolvers<void>();
  const started: string[] = [];
  const queue = createWorkQueue({
    name: "test",
    signal: end.signal,
    concurrency: 1,
    work: async (key) => {
      started.push(key);
      await gate.promise;
    },
  });
  queue.add("a");
  queue.add("b");
  await turn();
  end.abort();
  queue.add("c");
  assert.deepEqual([queue.waiting, queue.active], [0, 1]);
  gate.resolve();
  await queue.idle();
  assert.deepEqual(started, ["a"]);
});

test("an abort ends the pauses after failures", async () => {
  const end = new AbortController();
  const queue = createWorkQueue({
    name: "test",
    signal: end.signal,
    backoff: { initial: 60_000 },
    work: () => Promise.reject(new Error("always")),
  });
  queue.add("a");
  await turn();
  await turn();
  assert.equal(queue.waiting, 1);
  end.abort();
  await queue.idle();
});
