/** What the kernel refuses, with which error, and that a refused batch changes nothing. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { equals, field, hostBytes, jump, lookup, reg } from "../../net/nftables/expressions.ts";
import type { Command, Expression, SetDefinition, SetElement } from "../../net/nftables/model.ts";
import { Family, Hook, REG_VERDICT } from "../../net/nftables/model.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";
import { FakeKernel } from "./kernel.ts";

const T = { family: Family.inet, table: "t" } as const;
const SET: SetDefinition = { ...T, name: "s", kind: "set", keyTypes: ["mark"], keyLength: 4, flags: {} };
const MAP: SetDefinition = { ...SET, name: "m", kind: "map", dataTypes: ["mark"], dataLength: 4 };
const VMAP: SetDefinition = { ...SET, name: "v", kind: "verdict map" };
const RANGES: SetDefinition = { ...SET, name: "i", flags: { interval: true } };

const base = { type: "filter", hook: Hook.prerouting, priority: 0, policy: "accept" } as const;
const chain = (name: string): Command => ({ op: "add chain", chain: { ...T, name } });
const rule = (chain: string, ...expressions: Expression[]): Command => ({
  op: "add rule",
  rule: { ...T, chain, expressions },
});
const elements = (set: SetDefinition, ...elements: SetElement[]): Command => ({
  op: "add elements",
  set,
  elements,
});
const gone = (set: SetDefinition, ...elements: SetElement[]): Command => ({
  op: "delete elements",
  set,
  elements,
});
const key = (number: number): Uint8Array => Uint8Array.of(0, 0, 0, number);
const end = (number: number): SetElement => ({ key: key(number), intervalEnd: true });

const START: readonly Command[] = [
  { op: "add table", table: { family: Family.inet, name: "t" } },
  ...[SET, MAP, VMAP, RANGES].map((set): Command => ({ op: "add set", set })),
  chain("r"),
  chain("free"),
  { op: "add chain", chain: { ...T, name: "base", base } },
  rule("base", jump("r")),
  rule("base", { type: "immediate", dreg: reg(0), value: key(1) }, lookup("s", reg(0))),
  elements(SET, { key: key(1) }),
  elements(MAP, { key: key(1), data: key(9) }),
  elements(RANGES, { key: key(10) }, end(20)),
];

function snapshot(kernel: FakeKernel): unknown {
  const sets = kernel.sets(Family.inet, "t");
  return {
    generation: kernel.generation(),
    tables: kernel.tables(Family.inet),
    chains: kernel.chains(Family.inet),
    rules: kernel.rules(Family.inet, "t"),
    sets,
    elements: sets.map((set) => kernel.elements(set)),
  };
}

const load: Expression = { type: "immediate", dreg: reg(0), value: key(1) };
const cases: readonly [name: string, command: Command, code: string][] = [
  ["a chain in no table", { op: "add chain", chain: { ...T, table: "x", name: "c" } }, "ENOENT"],
  [
    "a table that is not there, deleted",
    { op: "delete table", table: { family: Family.ip, name: "t" } },
    "ENOENT",
  ],
  ["a rule in no chain", rule("x"), "ENOENT"],
  ["a jump to no chain", rule("r", jump("x")), "ENOENT"],
  ["a jump to a base chain", rule("r", jump("base")), "EOPNOTSUPP"],
  ["a jump in a circle", rule("r", jump("r")), "EMLINK"],
  ["a lookup in no set", rule("r", load, lookup("x", reg(0))), "ENOENT"],
  ["the data of a set without data", rule("r", load, lookup("s", reg(0), reg(1))), "EINVAL"],
  ["a map's data as a verdict", rule("r", load, lookup("m", reg(0), REG_VERDICT)), "EINVAL"],
  ["a register that nothing wrote", rule("r", equals(reg(3), key(1))), "ENODATA"],
  [
    "a register past the last",
    rule("r", { ...field("ip6 daddr", reg(0)), dreg: reg(14) } as Expression),
    "ERANGE",
  ],
  [
    "a number below 0",
    rule("r", { type: "numgen", mode: "random", modulus: 0, offset: 0, dreg: reg(0) }),
    "ERANGE",
  ],
  ["translation in a filter chain", rule("r", { type: "masquerade" }), "EOPNOTSUPP"],
  [
    "a rule that is not there, deleted",
    { op: "delete rule", rule: { ...T, chain: "r", handle: 999n } },
    "ENOENT",
  ],
  ["a chain that is jumped to, deleted", { op: "delete chain", chain: { ...T, name: "r" } }, "EBUSY"],
  ["a set that is looked up, deleted", { op: "delete set", set: SET }, "EBUSY"],
  [
    "a chain again, elsewhere",
    { op: "add chain", chain: { ...T, name: "base", base: { ...base, priority: 1 } } },
    "EEXIST",
  ],
  ["a set again, of another kind", { op: "add set", set: { ...MAP, name: "s" } }, "EEXIST"],
  ["an element again", elements(SET, { key: key(1) }), "EEXIST"],
  ["an element again, with other data", elements(MAP, { key: key(1), data: key(8) }), "EBUSY"],
  ["an element without its data", elements(MAP, { key: key(2) }), "EINVAL"],
  ["a key of another length", elements(SET, { key: Uint8Array.of(1) }), "EINVAL"],
  ["a verdict to no chain", elements(VMAP, { key: key(1), verdict: { code: "goto", chain: "x" } }), "ENOENT"],
  ["an element that is not there, deleted", gone(SET, { key: key(2) }), "ENOENT"],
  ["an interval into another", elements(RANGES, { key: key(15) }, end(30)), "EEXIST"],
  ["an interval around another", elements(RANGES, { key: key(5) }, end(30)), "EEXIST"],
];

suite("refused, and nothing is changed:", () => {
  for (const [name, command, code] of cases)
    test(`${name}: ${code}`, () => {
      const kernel = new FakeKernel();
      kernel.commit(START);
      const before = snapshot(kernel);
      const batch: Command[] = [
        chain("new"),
        elements(VMAP, { key: key(7), verdict: { code: "goto", chain: "new" } }),
        gone(MAP, { key: key(1) }),
        elements(MAP, { key: key(1), data: key(9) }),
        { op: "delete chain", chain: { ...T, name: "free" } },
        command,
        chain("never"),
      ];
      assert.throws(
        () => kernel.commit(batch),
        (error) => {
          assert.ok(error instanceof NetlinkError);
          assert.deepEqual([error.code, error.index], [code, 6]);
          return true;
        },
      );
      assert.deepEqual(snapshot(kernel), before);
    });
});

test("one element replaced in one batch is never missing and never double", () => {
  const kernel = new FakeKernel();
  kernel.commit(START);
  kernel.commit([gone(MAP, { key: key(1) }), elements(MAP, { key: key(1), data: key(8) })]);
  assert.deepEqual(kernel.elements(MAP), [{ key: key(1), data: key(8) }]);
});

test("what is there and the same is no error, but for elements", () => {
  const kernel = new FakeKernel();
  kernel.commit(START);
  const before = snapshot(kernel) as { generation: number };
  kernel.commit(START.filter(({ op }) => op === "add table" || op === "add chain" || op === "add set"));
  assert.deepEqual(snapshot(kernel), { ...before, generation: before.generation + 1 });
});

test("intervals may touch, and one that is deleted makes room", () => {
  const kernel = new FakeKernel();
  kernel.commit(START);
  kernel.commit([elements(RANGES, { key: key(20) }, end(30)), elements(RANGES, { key: key(5) }, end(10))]);
  kernel.commit([gone(RANGES, { key: key(10) }, end(20)), elements(RANGES, { key: key(12) }, end(18))]);
  assert.equal(kernel.elements(RANGES).length, 6);
});

test("a commit for another generation is refused", () => {
  const kernel = new FakeKernel();
  kernel.commit(START, { generation: kernel.generation() });
  assert.throws(
    () => kernel.commit([chain("c")], { generation: kernel.generation() - 1 }),
    (error) => error instanceof NetlinkError && error.code === "ERESTART",
  );
});

test("a chain that only elements go to is busy until they are gone", () => {
  const kernel = new FakeKernel();
  kernel.commit(START);
  kernel.commit([elements(VMAP, { key: hostBytes(1), verdict: { code: "goto", chain: "free" } })]);
  const removal: Command = { op: "delete chain", chain: { ...T, name: "free" } };
  assert.throws(
    () => kernel.commit([removal]),
    (error) => error instanceof NetlinkError && error.code === "EBUSY",
  );
  kernel.commit([gone(VMAP, { key: hostBytes(1) }), removal]);
});
