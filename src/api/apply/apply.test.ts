import assert from "node:assert/strict";
import { test } from "node:test";
import { applied, EMPTY, mustApply, owners, updated } from "./apply-fixture.ts";

const PORT = { port: 80, name: "http" };
const UDP = { port: 80, protocol: "UDP", name: "dns" };

test("what is applied is owned, in upstream's words for it", () => {
  const rows: [config: unknown, owned: string][] = [
    [{ name: "a" }, ".name"],
    [{ labels: { x: "1", y: "2" } }, ".labels.x .labels.y"],
    [{ labels: {} }, ".labels"],
    [{ labels: null }, ".labels"],
    [{ selector: { x: "1" } }, ".selector"],
    [{ finalizers: ["b", "a"] }, '.finalizers[="a"] .finalizers[="b"]'],
    [{ args: ["b", "a"] }, ".args"],
    [
      { ports: [PORT] },
      '.ports[port=80,protocol="TCP"] .ports[port=80,protocol="TCP"].name .ports[port=80,protocol="TCP"].port',
    ],
    [{ ports: [] }, ""],
    [{ inner: { numeric: 0, flag: false } }, ".inner.flag .inner.numeric"],
    [{ inner: {} }, ".inner"],
    [{ whole: { numeric: 1 } }, ".whole"],
    [{ any: { a: { b: [1] }, c: 1 } }, ".any.a .any.c .any.a.b"],
  ];
  for (const [config, owned] of rows) {
    const scene = mustApply(EMPTY, "me", config);
    assert.deepEqual(owners(scene), owned === "" ? [] : [`me Apply: ${owned}`], JSON.stringify(config));
  }
});

test("list elements are one where their keys are, with the defaults of the keys", () => {
  const first = mustApply(EMPTY, "me", { ports: [PORT, UDP] });
  const second = mustApply(first, "you", { ports: [{ port: 80, protocol: "TCP", name: "http" }] });
  assert.deepEqual(second.live, { ports: [{ ...PORT, protocol: "TCP" }, UDP] });
  assert.equal(owners(second).length, 2);
  assert.deepEqual(applied(first, "you", { ports: [{ port: 80, name: "web" }] }), [
    'me.ports[port=80,protocol="TCP"].name',
  ]);
});

test("who applies a different value conflicts, with the owners of what would change only", () => {
  const scene = mustApply(mustApply(EMPTY, "a", { name: "x", labels: { l: "1" } }), "b", {
    labels: { l: "1", m: "1" },
  });
  const rows: [config: unknown, conflicts: string[]][] = [
    [{ name: "x" }, []],
    [{ name: "y" }, ["a.name"]],
    [{ labels: { l: "2" } }, ["a.labels.l", "b.labels.l"]],
    [{ labels: { n: "2" } }, []],
    [{ name: "y", labels: { m: "2" } }, ["a.name", "b.labels.m"]],
  ];
  for (const [config, expected] of rows) {
    const result = applied(scene, "c", config);
    assert.deepEqual(Array.isArray(result) ? result : [], expected, JSON.stringify(config));
  }
});

test("atomic lists, maps and structs change hands as a whole", () => {
  const scene = mustApply(EMPTY, "a", { args: ["1"], selector: { x: "1" }, whole: { numeric: 1 } });
  for (const [config, path] of [
    [{ args: ["1", "2"] }, "a.args"],
    [{ selector: { y: "1" } }, "a.selector"],
    [{ whole: { numeric: 1, flag: true } }, "a.whole"],
  ] as const) {
    assert.deepEqual(applied(scene, "b", config), [path]);
    const forced = mustApply(scene, "b", config, { force: true });
    assert.deepEqual({ ...(scene.live as object), ...config }, forced.live, "nothing of the old is left");
  }
});

test("force takes over, and the old owner keeps the rest", () => {
  const scene = mustApply(EMPTY, "a", { name: "x", labels: { l: "1" } });
  const forced = mustApply(scene, "b", { name: "y" }, { force: true });
  assert.deepEqual(owners(forced), ["a Apply: .labels.l", "b Apply: .name"]);
  assert.deepEqual(forced.live, { name: "y", labels: { l: "1" } });
});

test("what is no longer applied goes, unless somebody else has it too", () => {
  const both = mustApply(mustApply(EMPTY, "a", { labels: { l: "1", m: "1" }, ports: [PORT, UDP] }), "b", {
    labels: { m: "1" },
    ports: [UDP],
  });
  const less = mustApply(both, "a", { name: "x" });
  assert.deepEqual(less.live, { name: "x", labels: { m: "1" }, ports: [UDP] });
  const none = mustApply(less, "b", { name: "x" });
  assert.deepEqual((none.live as Record<string, unknown>)["name"], "x");
  assert.deepEqual(owners(none), ["a Apply: .name", "b Apply: .name"]);
});

test("what nobody applied stays, also inside of a list element that goes and comes", () => {
  const scene = updated(mustApply(EMPTY, "a", { ports: [{ port: 80 }] }), "u", {
    ports: [{ port: 80, name: "named" }],
    name: "set",
  });
  const again = mustApply(scene, "a", { ports: [{ port: 80 }] });
  assert.deepEqual(again.live, scene.live);
  // The updater's field keeps the element.
  const without = mustApply(scene, "a", {});
  assert.deepEqual((without.live as { name: string }).name, "set");
});

test("an update takes what it changes from everybody, and gives up what it removes", () => {
  const scene = mustApply(mustApply(EMPTY, "a", { name: "x", labels: { l: "1" } }), "b", { name: "x" });
  const changed = updated(scene, "u", { name: "y", labels: { l: "1" } });
  assert.deepEqual(owners(changed), ["a Apply: .labels.l", "u Update: .name"]);
  assert.deepEqual(owners(updated(changed, "v", { name: "y" })), ["u Update: .name"]);
  assert.deepEqual(applied(changed, "a", { name: "x", labels: { l: "1" } }), ["u.name"]);
});

test("an update that changes nothing owns nothing and moves no time", () => {
  const scene = updated(EMPTY, "u", { name: "x" }, "2026-01-01T00:00:00Z");
  const again = updated(scene, "v", { name: "x" }, "2026-01-02T00:00:00Z");
  assert.deepEqual([...again.managers], [...scene.managers]);
});

test("a second apply of the same keeps the time; one that changes the object moves it", () => {
  const first = mustApply(EMPTY, "a", { name: "x" }, { time: "2026-01-01T00:00:00Z" });
  const same = mustApply(first, "a", { name: "x" }, { time: "2026-01-02T00:00:00Z" });
  assert.deepEqual([...same.managers], [...first.managers]);
  const other = mustApply(first, "a", { name: "y" }, { time: "2026-01-02T00:00:00Z" });
  assert.equal([...other.managers.values()][0]!.time, "2026-01-02T00:00:00Z");
});

test("a new object's maps belong to who made them, its structs to nobody", () => {
  const made = updated({ live: { inner: {} }, managers: new Map() }, "u", {
    labels: { l: "1" },
    inner: { labels: { m: "1" } },
    ports: [PORT],
    finalizers: ["f"],
  });
  assert.deepEqual(owners(made), [
    'u Update: .finalizers .labels .ports .finalizers[="f"] .inner.labels .inner.labels.m .labels.l .ports[port=80,protocol="TCP"] .ports[port=80,protocol="TCP"].name .ports[port=80,protocol="TCP"].port',
  ]);
});

test("elements that a client wrote twice are owned as one, and replaced by an apply", () => {
  const twice = updated(EMPTY, "u", { ports: [PORT, { ...PORT, name: "b" }] });
  assert.deepEqual(owners(twice), ['u Update: .ports .ports[port=80,protocol="TCP"]']);
  const once = mustApply(twice, "a", { ports: [{ port: 80, name: "c" }] }, { force: true });
  assert.deepEqual(once.live, { ports: [{ port: 80, name: "c" }] });
});

test("applied elements come in their order, those of others keep their places", () => {
  const port = (number: number): object => ({ port: number });
  const rows: [live: number[], config: number[], expected: number[]][] = [
    [
      [1, 2, 3],
      [3, 1],
      [2, 3, 1],
    ],
    [[1, 2, 3], [4], [1, 2, 3, 4]],
    [
      [1, 2, 3],
      [2, 4],
      [1, 2, 3, 4],
    ],
    [
      [1, 2],
      [3, 1],
      [3, 1, 2],
    ],
    [[], [2, 1], [2, 1]],
    [[1, 2, 3], [], [1, 2, 3]],
  ];
  for (const [live, config, expected] of rows) {
    const scene = updated(EMPTY, "u", { ports: live.map(port) });
    const { live: merged } = mustApply(scene, "a", { ports: config.map(port) });
    assert.deepEqual(merged, { ports: expected.map(port) }, `${live.join()} and ${config.join()}`);
  }
});

test("at most ten updaters are told apart; the oldest become one", () => {
  let scene = EMPTY;
  const names = Array.from({ length: 12 }, (_, at) => String.fromCodePoint(97 + at));
  for (const [at, name] of names.entries()) {
    const labels = Object.fromEntries(names.slice(0, at + 1).map((key) => [key, "1"]));
    scene = updated(scene, name, { labels }, `2026-01-01T00:00:${String(at).padStart(2, "0")}Z`);
  }
  const list = owners(scene);
  assert.equal(list.length, 10);
  assert.deepEqual(list.slice(0, 2), [
    "ancient-changes Update: .labels .labels.a .labels.b .labels.c",
    "d Update: .labels.d",
  ]);
});
