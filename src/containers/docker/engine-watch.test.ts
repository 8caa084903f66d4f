import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../../base/log.ts";
import { EngineError } from "./engine-error.ts";
import { EngineWatch, type EngineWatchOptions } from "./engine-watch.ts";
import { FakeEngine } from "./fake-engine.ts";

const DEADLINE = 5000;
const RUNNING = {};
const EXITED = { Running: false, Status: "exited", ExitCode: 1 };

/** A watch of a fake engine that runs, and the history of what it said of each container. */
class Lab implements AsyncDisposable {
  readonly engine: FakeEngine;
  readonly watch: EngineWatch;
  /** "web running", "web stopping", "web gone", ... in order. */
  readonly history: string[] = [];
  synced = 0;
  readonly done: Promise<void>;
  readonly #end = new AbortController();
  readonly #looks = new Set<() => void>();

  constructor(engine: FakeEngine, options: Partial<EngineWatchOptions> = {}) {
    this.engine = engine;
    this.watch = new EngineWatch({
      engine,
      log: silentLog,
      onChange: (id) => {
        this.history.push(`${id} ${this.state(id)}`);
        this.#look();
      },
      onSynced: () => {
        this.synced++;
        this.#look();
      },
      backoff: { initial: 1, limit: 2 },
      ...options,
    });
    this.done = this.watch.run(this.#end.signal);
    this.done.catch(() => this.#look());
  }

  state(id: string): string {
    const watched = this.watch.get(id);
    if (watched === undefined) return "gone";
    return watched.stopping ? "stopping" : watched.container.State.Status;
  }

  #look(): void {
    for (const look of this.#looks) look();
  }

  until(expected: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!expected()) return;
        clearTimeout(timer);
        this.#looks.delete(look);
        resolve();
      };
      const timer = setTimeout(() => reject(new Error(`not so, but: ${this.history.join(", ")}`)), DEADLINE);
      this.#looks.add(look);
      look();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.done.catch(() => undefined);
    this.watch[Symbol.dispose]();
  }
}

/** All that is under way in the event loop has happened. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test("what happens between the list and the events is not lost", async () => {
  const engine = new FakeEngine();
  engine.put({ id: "stays" });
  engine.put({ id: "ends" });
  engine.put({ id: "goes" });
  engine.afterList = () => {
    engine.afterList = () => {};
    engine.put({ id: "ends", state: EXITED });
    engine.tell("ends", "die", { exitCode: "1" });
    engine.containersById.delete("goes");
    engine.tell("goes", "destroy");
    engine.put({ id: "comes" });
    engine.tell("comes", "start");
  };
  await using lab = new Lab(engine);
  await lab.until(() => lab.synced === 1 && lab.state("comes") === "running");
  assert.deepEqual(
    ["stays", "ends", "goes", "comes"].map((id) => lab.state(id)),
    ["running", "exited", "gone", "running"],
  );
});

test("a death is believed at once, and an answer from before it is thrown away", async () => {
  const engine = new FakeEngine();
  engine.put({ id: "web" });
  await using lab = new Lab(engine);
  await lab.until(() => lab.synced === 1);
  lab.history.length = 0;
  const held = Promise.withResolvers<void>();
  engine.hold = held.promise;
  engine.tell("web", "start");
  await settle();
  // The question after the start is under way when it dies; its answer will say that it runs.
  engine.put({ id: "web", state: EXITED });
  engine.tell("web", "die", { exitCode: "1" });
  await lab.until(() => lab.state("web") === "exited");
  engine.hold = undefined;
  held.resolve();
  await settle();
  assert.ok(lab.history.length >= 2, "the engine was asked after all");
  assert.deepEqual(new Set(lab.history), new Set(["web exited"]));
});

test("a stop signal is told at once; the death that follows ends it, or the stop time-out", async () => {
  const engine = new FakeEngine();
  for (const id of ["obeys", "deaf"]) engine.put({ id, config: { StopTimeout: 0 } });
  await using lab = new Lab(engine, { stopMargin: 20 });
  await lab.until(() => lab.synced === 1);
  lab.history.length = 0;
  for (const id of ["obeys", "deaf"]) engine.tell(id, "kill", { signal: "15" });
  await lab.until(() => lab.state("obeys") === "stopping" && lab.state("deaf") === "stopping");
  assert.deepEqual(new Set(lab.history), new Set(["obeys stopping", "deaf stopping"]));
  engine.put({ id: "obeys", state: EXITED });
  engine.tell("obeys", "die", { exitCode: "0" });
  await lab.until(() => lab.state("obeys") === "exited" && lab.state("deaf") === "running");
});

test("a stop signal of a run that has ended says nothing about the next", async () => {
  const engine = new FakeEngine();
  engine.put({ id: "web" });
  await using lab = new Lab(engine);
  await lab.until(() => lab.synced === 1);
  engine.tell("web", "kill", { signal: "15" });
  await lab.until(() => lab.state("web") === "stopping");
  engine.put({ id: "web", state: { StartedAt: "2026-01-02T03:05:00Z" } });
  engine.tell("web", "start");
  await lab.until(() => lab.state("web") === "running");
});

test("a change that no event told is found by the list, and the dead stream is opened anew", async () => {
  const engine = new FakeEngine();
  for (const id of ["ends", "goes", "stays"]) engine.put({ id });
  await using lab = new Lab(engine, { relistInterval: 5, eventDelay: 5 });
  await lab.until(() => lab.synced === 1);
  engine.put({ id: "ends", state: EXITED });
  engine.containersById.delete("goes");
  await lab.until(() => lab.synced === 2);
  assert.deepEqual(
    ["ends", "goes", "stays"].map((id) => lab.state(id)),
    ["exited", "gone", "running"],
  );
  assert.equal(engine.asked.events, 2);
});

test("an event that comes late is no lost event", async () => {
  const engine = new FakeEngine();
  engine.put({ id: "web" });
  await using lab = new Lab(engine, { relistInterval: 5, eventDelay: 500 });
  await lab.until(() => lab.synced === 1);
  engine.put({ id: "web", state: EXITED });
  await lab.until(() => lab.state("web") === "exited");
  engine.tell("web", "die", { exitCode: "1" });
  const { containers } = engine.asked;
  while (engine.asked.containers < containers + 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(engine.asked.connect, 1);
});

test("lists that find nothing new ask about no container", async () => {
  const engine = new FakeEngine();
  engine.put({ id: "web", state: { Health: { Status: "healthy" } } });
  engine.put({ id: "done", state: EXITED });
  await using lab = new Lab(engine, { relistInterval: 1 });
  await lab.until(() => lab.synced === 1);
  const { inspect } = engine.asked;
  while (engine.asked.containers < 5) await settle();
  assert.equal(engine.asked.inspect, inspect);
  assert.equal(engine.asked.connect, 1);
});

test("while the engine is away everything stays; when it answers again everything is looked at", async () => {
  const engine = new FakeEngine();
  engine.put({ id: "web" });
  await using lab = new Lab(engine);
  await lab.until(() => lab.synced === 1);
  lab.history.length = 0;
  engine.failure = new EngineError("unreachable", "nobody there");
  engine.cut();
  const { connect } = engine.asked;
  while (engine.asked.connect < connect + 3) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(lab.state("web"), "running");
  assert.deepEqual(lab.history, []);
  engine.put({ id: "web", networks: { bridge: { IPAddress: "172.17.0.77" } } });
  engine.failure = undefined;
  await lab.until(() => lab.synced === 2);
  const { container } = lab.watch.get("web")!;
  assert.equal(container.NetworkSettings.Networks?.["bridge"]?.IPAddress, "172.17.0.77");
});

test("what waiting cannot mend ends it", async () => {
  const engine = new FakeEngine();
  engine.failure = new EngineError("version", "too old");
  await using lab = new Lab(engine);
  await assert.rejects(lab.done, /too old/);
});

test("who shares another container's network is told of its changes", async () => {
  const engine = new FakeEngine();
  engine.put({ id: "owner" });
  engine.put({ id: "sidecar", host: { NetworkMode: "container:owner" }, networks: {} });
  await using lab = new Lab(engine);
  await lab.until(() => lab.synced === 1);
  lab.history.length = 0;
  engine.put({ id: "owner", state: EXITED });
  engine.tell("owner", "die", { exitCode: "1" });
  await lab.until(() => lab.history.includes("sidecar running"));
  assert.deepEqual(lab.history.slice(0, 2), ["owner exited", "sidecar running"]);
});

test("the oldest event that was not taken note of is told, with its time", async () => {
  const engine = new FakeEngine();
  engine.put({ id: "web", state: RUNNING });
  await using lab = new Lab(engine);
  await lab.until(() => lab.synced === 1);
  assert.equal(lab.watch.get("web")?.event, undefined);
  engine.tell("web", "pause");
  engine.tell("web", "unpause");
  await settle();
  const noted = lab.watch.get("web")?.event;
  assert.deepEqual(noted, { action: "pause", time: Date.parse("2026-01-02T03:04:07.5Z") });
  lab.watch.acknowledge("web", noted);
  assert.equal(lab.watch.get("web")?.event, undefined);
});
