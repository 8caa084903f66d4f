import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { NLM_F_ACK, parseMessages } from "../../sys/netlink-message.ts";
import type { NetlinkMessage } from "../../sys/netlink-message.ts";
import { NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END, NFT_MSG, nftType } from "./constants.ts";
import { decodeChain, decodeElements, decodeRule, decodeSet, decodeTable, tableOf } from "./decode.ts";
import { encodeBatch } from "./encode.ts";
import type { Chain, Command, Expression, Rule, SetDefinition, SetElement, Table, Verdict } from "./model.ts";
import { Datatype, Family } from "./model.ts";
import { commentUserdata } from "./userdata.ts";

/** All fields are there. Plain objects, as decoders make them. */
function object<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
const family = fc.constantFrom(...Object.values(Family));
const register = fc.integer({ min: 8, max: 23 });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const milliseconds = fc.integer({ min: 1, max: 2 ** 52 });
const bytes = (min: number, max: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: min, maxLength: max });
const comment = fc.string({ unit: "grapheme", maxLength: 25 }).filter((text) => !text.includes("\0"));

const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  fc.constantFrom("accept", "drop", "continue", "return").map((code) => ({ code })),
  object({ code: fc.constantFrom("jump", "goto"), chain: name }),
);

/** Optional fields are there or absent, never undefined. */
function record<T>(
  model: { [Key in keyof T]: fc.Arbitrary<T[Key]> },
  requiredKeys: (keyof T)[],
): fc.Arbitrary<T> {
  return fc.record(model, { requiredKeys, noNullPrototype: true }) as fc.Arbitrary<T>;
}

const bitwise = fc.integer({ min: 1, max: 16 }).chain((length) =>
  object({
    type: fc.constant("bitwise" as const),
    sreg: register,
    dreg: register,
    mask: bytes(length, length),
    xor: bytes(length, length),
  }),
);

const expression: fc.Arbitrary<Expression> = fc.oneof(
  object({
    type: fc.constant("payload" as const),
    base: fc.constantFrom("link", "network", "transport"),
    offset: u32,
    length: u32,
    dreg: register,
  }),
  object({
    type: fc.constant("meta" as const),
    key: fc.constantFrom(
      "mark",
      "iif",
      "oif",
      "iifname",
      "oifname",
      "nfproto",
      "l4proto",
      "protocol",
      "pkttype",
    ),
    dreg: register,
  }),
  object({ type: fc.constant("meta set" as const), key: fc.constant("mark" as const), sreg: register }),
  record<Extract<Expression, { type: "ct" }>>(
    {
      type: fc.constant("ct"),
      key: fc.constantFrom(
        "state",
        "status",
        "direction",
        "mark",
        "src ip",
        "dst ip",
        "src ip6",
        "dst ip6",
        "proto dst",
        "protocol",
      ),
      direction: fc.constantFrom("original", "reply"),
      dreg: register,
    },
    ["type", "key", "dreg"],
  ),
  object({
    type: fc.constant("cmp" as const),
    sreg: register,
    op: fc.constantFrom("==", "!=", "<", "<=", ">", ">="),
    value: bytes(1, 16),
  }),
  bitwise,
  record<Extract<Expression, { type: "lookup" }>>(
    {
      type: fc.constant("lookup"),
      set: name,
      sreg: register,
      dreg: fc.oneof(register, fc.constant(0)),
      invert: fc.constant(true),
    },
    ["type", "set", "sreg"],
  ),
  object({ type: fc.constant("immediate" as const), dreg: register, value: bytes(1, 16) }),
  object({ type: fc.constant("verdict" as const), verdict }),
  object({
    type: fc.constant("numgen" as const),
    mode: fc.constantFrom("random", "incremental"),
    modulus: u32,
    offset: u32,
    dreg: register,
  }),
  record<Extract<Expression, { type: "jhash" }>>(
    {
      type: fc.constant("jhash"),
      sreg: register,
      length: u32,
      modulus: u32,
      seed: u32,
      offset: u32,
      dreg: register,
    },
    ["type", "sreg", "length", "modulus", "offset", "dreg"],
  ),
  record<Extract<Expression, { type: "nat" }>>(
    {
      type: fc.constant("nat"),
      kind: fc.constantFrom("dnat", "snat"),
      family: fc.constantFrom(Family.ip, Family.ip6),
      address: register,
      port: register,
      flags: fc.constantFrom(4, 8, 16, 0x80000000),
    },
    ["type", "kind", "family"],
  ),
  record<Extract<Expression, { type: "masquerade" }>>(
    { type: fc.constant("masquerade"), flags: fc.integer({ min: 1, max: 0xffffffff }) },
    ["type"],
  ),
  object({
    type: fc.constant("reject" as const),
    with: fc.constantFrom("tcp reset", "icmpx port-unreachable"),
  }),
  record<Extract<Expression, { type: "counter" }>>(
    {
      type: fc.constant("counter"),
      packets: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      bytes: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    },
    ["type"],
  ),
  object({
    type: fc.constant("fib" as const),
    result: fc.constantFrom("type", "oif", "oifname"),
    flags: fc.subarray(["saddr", "daddr", "mark", "iif", "oif"] as const),
    dreg: register,
  }),
  record<Extract<Expression, { type: "dynset" }>>(
    {
      type: fc.constant("dynset"),
      op: fc.constantFrom("add", "update", "delete"),
      set: name,
      keySreg: register,
      dataSreg: register,
      timeout: milliseconds,
    },
    ["type", "op", "set", "keySreg"],
  ),
  object({
    type: fc.constant("log" as const),
    group: fc.nat(0xffff),
    snaplen: fc.nat(0xffff),
    queueThreshold: fc.nat(0xffff),
  }),
  object({
    type: fc.constant("unknown" as const),
    name: fc.constantFrom("xt", "quota", "limit"),
    data: bytes(0, 40),
  }),
);

const table: fc.Arbitrary<Table> = record<Table>(
  { family, name, flags: fc.integer({ min: 1, max: 3 }), userdata: bytes(1, 40) },
  ["family", "name"],
);
const chain: fc.Arbitrary<Chain> = record<Chain>(
  {
    family,
    table: name,
    name,
    base: object({
      type: fc.constantFrom("filter", "nat", "route"),
      hook: fc.constantFrom(0, 1, 2, 3, 4),
      priority: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      policy: fc.constantFrom("accept", "drop"),
    }),
    userdata: bytes(1, 40),
  },
  ["family", "table", "name"],
);
const rule: fc.Arbitrary<Rule> = record<Rule>(
  { family, table: name, chain: name, expressions: fc.array(expression, { maxLength: 12 }), comment },
  ["family", "table", "chain", "expressions"],
);

const datatypes = fc.array(
  fc.constantFrom(...(Object.keys(Datatype) as (keyof typeof Datatype)[]).filter((key) => key !== "verdict")),
  { minLength: 1, maxLength: 5 },
);
const commonSet = {
  family,
  table: name,
  name,
  keyTypes: datatypes,
  keyLength: u32,
  flags: record<SetDefinition["flags"]>(
    {
      interval: fc.constant(true),
      timeout: fc.constant(true),
      dynamic: fc.constant(true),
      constant: fc.constant(true),
    },
    [],
  ),
  size: u32,
  timeout: fc.nat(),
  comment,
};
const set: fc.Arbitrary<SetDefinition> = fc.oneof(
  record<SetDefinition>({ ...commonSet, kind: fc.constantFrom("set", "verdict map") }, [
    "family",
    "table",
    "name",
    "kind",
    "keyTypes",
    "keyLength",
    "flags",
  ]),
  record<SetDefinition>({ ...commonSet, kind: fc.constant("map"), dataTypes: datatypes, dataLength: u32 }, [
    "family",
    "table",
    "name",
    "kind",
    "keyTypes",
    "keyLength",
    "flags",
    "dataTypes",
    "dataLength",
  ]),
);
const element: fc.Arbitrary<SetElement> = fc.oneof(
  record<SetElement>({ key: bytes(1, 64), intervalEnd: fc.constant(true) }, ["key"]),
  object({ key: bytes(1, 64), data: bytes(1, 64) }),
  object({ key: bytes(1, 64), keyEnd: bytes(1, 64) }),
  record<SetElement>(
    { key: bytes(1, 64), data: bytes(1, 64), timeout: milliseconds, expiration: milliseconds },
    ["key"],
  ),
  object({ key: bytes(1, 64), verdict }),
);

/** The messages between the batch's beginning and end. */
function messagesOf(commands: readonly Command[]): NetlinkMessage[] {
  const messages = parseMessages(encodeBatch(commands).slice());
  assert.equal(messages[0]?.type, NFNL_MSG_BATCH_BEGIN);
  assert.equal(messages.at(-1)?.type, NFNL_MSG_BATCH_END);
  return messages.slice(1, -1);
}

describe("what is encoded is decoded as it was", () => {
  test("tables", () => {
    fc.assert(
      fc.property(table, (value) => {
        assert.deepEqual(messagesOf([{ op: "add table", table: value }]).map(decodeTable), [value]);
      }),
    );
  });
  test("chains", () => {
    fc.assert(
      fc.property(chain, (value) => {
        assert.deepEqual(messagesOf([{ op: "add chain", chain: value }]).map(decodeChain), [value]);
      }),
    );
  });
  test("rules of every expression", () => {
    fc.assert(
      fc.property(rule, (value) => {
        assert.deepEqual(messagesOf([{ op: "add rule", rule: value }]).map(decodeRule), [value]);
      }),
      { numRuns: 500 },
    );
  });
  test("sets and maps", () => {
    fc.assert(
      fc.property(set, (value) => {
        assert.deepEqual(messagesOf([{ op: "add set", set: value }]).map(decodeSet), [value]);
      }),
    );
  });
  test("elements, and deletions of elements by their keys", () => {
    fc.assert(
      fc.property(fc.array(element, { minLength: 1, maxLength: 50 }), (elements) => {
        const of = { family: Family.inet, table: "t", name: "s", kind: "map" } as const;
        const [added, deleted] = messagesOf([
          { op: "add elements", set: of, elements },
          { op: "delete elements", set: of, elements },
        ]);
        assert.deepEqual(decodeElements(added!), elements);
        const keys = elements.map(({ key, keyEnd, intervalEnd }) => ({
          key,
          ...(keyEnd === undefined ? {} : { keyEnd }),
          ...(intervalEnd === undefined ? {} : { intervalEnd }),
        }));
        assert.deepEqual(decodeElements(deleted!), keys);
      }),
    );
  });
});

describe("batches", () => {
  const map = { family: Family.inet, table: "t", name: "s", kind: "map" } as const;
  const manyElements = (count: number): SetElement[] =>
    Array.from({ length: count }, (_, index) => ({
      key: Uint8Array.of(index, index >> 8, index >> 16, 0),
      data: new Uint8Array(8),
    }));

  test("many elements are split over messages, in order, each shorter than an attribute can be", () => {
    const elements = manyElements(10_000);
    const messages = messagesOf([{ op: "add elements", set: map, elements }]);
    assert.ok(messages.length > 1);
    for (const message of messages) assert.ok(message.payload.length < 0x10000);
    assert.deepEqual(messages.flatMap(decodeElements), elements);
  });

  test("only the last message asks for an acknowledgement", () => {
    const messages = messagesOf([
      { op: "add table", table: { family: Family.inet, name: "t" } },
      { op: "add elements", set: map, elements: manyElements(5000) },
      { op: "add elements", set: map, elements: [] },
    ]);
    const asking = messages.map(({ flags }) => (flags & NLM_F_ACK) !== 0);
    assert.deepEqual(asking, [...messages.slice(1).map(() => false), true]);
  });

  test("the longest element list at the limit still fits", () => {
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 64 }), fc.integer({ min: 4, max: 64 }), (key, data) => {
        const elements = Array.from({ length: 2000 }, () => ({
          key: new Uint8Array(key),
          data: new Uint8Array(data),
        }));
        messagesOf([{ op: "add elements", set: map, elements }]);
      }),
      { numRuns: 30 },
    );
  });

  test("a condition on the generation goes into the first message", () => {
    const command: Command = { op: "delete table", table: { family: Family.inet, name: "t" } };
    const [begin] = parseMessages(encodeBatch([command], { generation: 0x01020304 }));
    assert.deepEqual([...begin!.payload], [0, 0, 0, 10, 8, 0, 1, 0, 1, 2, 3, 4]);
  });

  test("a batch of nothing is refused, because it would only cost", () => {
    assert.throws(() => encodeBatch([]), RangeError);
    assert.throws(() => encodeBatch([{ op: "add elements", set: map, elements: [] }]), RangeError);
  });

  test("every message says its table in the same place", () => {
    const of = { family: Family.inet, table: "mine" } as const;
    const messages = messagesOf([
      { op: "add table", table: { family: Family.inet, name: "mine" } },
      { op: "add chain", chain: { ...of, name: "c" } },
      { op: "add rule", rule: { ...of, chain: "c", expressions: [] } },
      {
        op: "add set",
        set: { ...of, name: "s", kind: "set", keyTypes: ["mark"], keyLength: 4, flags: {} },
      },
      { op: "add elements", set: { ...of, name: "s", kind: "set" }, elements: manyElements(1) },
      { op: "flush chain", chain: { ...of, name: "c" } },
      { op: "delete rule", rule: { ...of, chain: "c", handle: 4n } },
      { op: "delete chain", chain: { ...of, name: "c" } },
      { op: "delete set", set: { ...of, name: "s" } },
      { op: "delete table", table: { family: Family.inet, name: "mine" } },
    ]);
    for (const message of messages) assert.deepEqual(tableOf(message), { family: Family.inet, name: "mine" });
    assert.equal(tableOf({ ...messages[0]!, type: nftType(NFT_MSG.NEWGEN) }), undefined);
  });
});

describe("registers", () => {
  test("the kernel's names of 16-byte registers are read as the 4-byte ones that they start with", () => {
    const written: Rule = {
      family: Family.inet,
      table: "t",
      chain: "c",
      expressions: [1, 2, 3, 4].map((dreg) => ({ type: "meta", key: "mark", dreg }) as const),
    };
    const [read] = messagesOf([{ op: "add rule", rule: written }]).map(decodeRule);
    assert.deepEqual(
      read!.expressions.map((expression) => "dreg" in expression && expression.dreg),
      [8, 12, 16, 20],
    );
  });
});

test("a comment that nft would not show whole is refused", () => {
  assert.throws(() => commentUserdata("x".repeat(128)), /at most 127 bytes/);
  assert.doesNotThrow(() => commentUserdata("x".repeat(127)));
});
