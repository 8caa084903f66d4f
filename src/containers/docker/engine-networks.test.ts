import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineNetworks } from "./engine-networks.ts";
import type { NetworkSummary } from "./engine-types.ts";

const network = (Id: string, Name = Id): NetworkSummary => ({ Id, Name, Driver: "bridge" });

/** An engine whose answers are held back until they are let go, each with what was true when it was asked. */
class SlowEngine {
  list: NetworkSummary[] = [];
  readonly #held: (() => void)[] = [];
  asked = 0;

  networks(): Promise<NetworkSummary[]> {
    this.asked++;
    const answer = [...this.list];
    return new Promise((resolve) => this.#held.push(() => resolve(answer)));
  }

  answer(): Promise<void> {
    this.#held.shift()!();
    return new Promise((resolve) => setImmediate(resolve));
  }
}

function scene() {
  const engine = new SlowEngine();
  const changes: string[] = [];
  const networks = new EngineNetworks({
    engine,
    onChange: (before, after) => changes.push(`${before?.Name ?? "-"} > ${after?.Name ?? "-"}`),
  });
  return { engine, changes, networks };
}

test("many questions at once are one list, and one that comes later is answered by a later list", async () => {
  const { engine, changes, networks } = scene();
  const first = networks.refresh();
  engine.list = [network("a")];
  const later = [networks.refresh(), networks.refresh(), networks.refresh()];
  await engine.answer();
  await first;
  assert.deepEqual(changes, []);
  await engine.answer();
  await Promise.all(later);
  assert.equal(engine.asked, 2);
  engine.list = [network("a", "b"), network("c")];
  const last = networks.refresh();
  await engine.answer();
  await last;
  assert.deepEqual(changes, ["- > a", "a > b", "- > c"]);
  assert.ok(networks.known);
});

test("what we made or removed while a list was under way is not lost to it", async () => {
  const { engine, changes, networks } = scene();
  engine.list = [network("old")];
  const list = networks.refresh();
  networks.put(network("new"));
  networks.forget("old");
  await engine.answer();
  await list;
  assert.deepEqual(
    networks.all().map(({ Id }) => Id),
    ["new"],
  );
  assert.deepEqual(changes, ["- > new"]);
});

test("a list that fails changes nothing, and the next is asked all the same", async () => {
  const changes: string[] = [];
  let asked = 0;
  const networks = new EngineNetworks({
    engine: { networks: async () => (asked++ === 0 ? Promise.reject(new Error("away")) : [network("a")]) },
    onChange: (_, after) => changes.push(after!.Id),
  });
  const failing = assert.rejects(networks.refresh(), /away/);
  const next = networks.refresh();
  await failing;
  await next;
  assert.deepEqual(changes, ["a"]);
});

test("a container's network that is not known is looked for once, until there is a new list", async () => {
  const { engine, networks } = scene();
  engine.list = [network("0123", "net/blue")];
  const learnt = networks.learn("net/blue", "0123");
  await engine.answer();
  await learnt;
  assert.equal(networks.find("net/blue", "0123")?.Id, "0123");
  // Before its first run a container has only the name.
  assert.equal(networks.find("net/blue", undefined)?.Id, "0123");
  await networks.learn("net/blue", undefined);
  assert.equal(engine.asked, 1);
  const gone = networks.learn("gone", "4567");
  await engine.answer();
  await gone;
  await networks.learn("gone", "4567");
  assert.equal(engine.asked, 2);
  assert.equal(networks.find("gone", "4567"), undefined);
});
