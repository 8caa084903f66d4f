/** What src/net/nftables sends, as the real kernel has it: read back by our own dumps and by `nft --json`. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  decodeChain,
  decodeElements,
  decodeGeneration,
  decodeRule,
  decodeSet,
  decodeTable,
} from "../src/net/nftables/decode.ts";
import {
  dumpChains,
  dumpElements,
  dumpRules,
  dumpSets,
  dumpTables,
  getGeneration,
} from "../src/net/nftables/dump.ts";
import { encodeBatch } from "../src/net/nftables/encode.ts";
import {
  ctHas,
  equals,
  field,
  goto,
  hostBytes,
  isIpv4,
  isIpv6,
  jump,
  lookup,
  meta,
  reg,
  verdict,
} from "../src/net/nftables/expressions.ts";
import type { Chain, Command, Expression, SetDefinition, SetElement } from "../src/net/nftables/model.ts";
import { Family, Hook } from "../src/net/nftables/model.ts";
import { commentUserdata } from "../src/net/nftables/userdata.ts";
import { NetlinkError } from "../src/sys/netlink-error.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../src/sys/netlink-socket.ts";
import { needsNetns, testNetns } from "./lab/netns.ts";
import type { TestNetns } from "./lab/netns.ts";
import { nftJson } from "./lab/nft.ts";

const T = { family: Family.inet, table: "t" } as const;
const ipv4 = (text: string): Uint8Array => Uint8Array.from(text.split(".").map(Number));
const port = (number: number): number[] => [number >> 8, number & 255, 0, 0];

const addTable: Command = {
  op: "add table",
  table: { family: Family.inet, name: "t", userdata: commentUserdata("a table") },
};

function base(
  name: string,
  type: "filter" | "nat" | "route",
  hook: keyof typeof Hook,
  priority: number,
): Chain {
  return { ...T, name, base: { type, hook: Hook[hook], priority, policy: "accept" } };
}

const sets: SetDefinition[] = [
  {
    ...T,
    name: "plain",
    kind: "set",
    keyTypes: ["ipv4_addr"],
    keyLength: 4,
    flags: {},
    comment: "plain ones",
  },
  { ...T, name: "ranges", kind: "set", keyTypes: ["ipv6_addr"], keyLength: 16, flags: { interval: true } },
  {
    ...T,
    name: "data",
    kind: "map",
    keyTypes: ["ipv4_addr", "inet_proto", "inet_service", "mark"],
    keyLength: 16,
    dataTypes: ["ipv4_addr", "inet_service"],
    dataLength: 8,
    flags: {},
  },
  { ...T, name: "verdicts", kind: "verdict map", keyTypes: ["mark"], keyLength: 4, flags: {} },
  { ...T, name: "names", kind: "set", keyTypes: ["ifname", "ifname"], keyLength: 32, flags: {}, size: 1000 },
  {
    ...T,
    name: "dynamic",
    kind: "set",
    keyTypes: ["ipv4_addr"],
    keyLength: 4,
    flags: { timeout: true, dynamic: true },
    size: 100,
    timeout: 60_000,
  },
  {
    ...T,
    name: "last",
    kind: "map",
    keyTypes: ["ipv4_addr"],
    keyLength: 4,
    dataTypes: ["ipv4_addr"],
    dataLength: 4,
    flags: { timeout: true, dynamic: true },
    size: 100,
  },
  {
    ...T,
    name: "boxes",
    kind: "set",
    keyTypes: ["ipv4_addr", "inet_service"],
    keyLength: 8,
    flags: { interval: true },
  },
];

function withoutHandle<T extends { handle?: bigint }>(value: T): Omit<T, "handle"> {
  const { handle, ...rest } = value;
  assert.equal(typeof handle, "bigint");
  return rest;
}

describe("nf_tables messages and the kernel", { skip: needsNetns() }, () => {
  let netns: TestNetns;
  let socket: NetlinkSocket;

  beforeEach(async () => {
    netns = testNetns("codec");
    socket = await NetlinkSocket.open(NETLINK_NETFILTER, { netns: netns.name });
  });
  afterEach(() => {
    socket[Symbol.dispose]();
    netns[Symbol.dispose]();
  });

  const send = (...commands: Command[]): void => void socket.transact(encodeBatch(commands));
  const json = (kind: string): Record<string, unknown>[] =>
    nftJson(netns.name, "list ruleset")
      .map((object) => object[kind])
      .filter((object) => object !== undefined);

  test("tables", () => {
    send(addTable, { op: "add table", table: { family: Family.ip, name: "other", flags: 1 } });
    const [read] = socket.dump(dumpTables(Family.inet)).map(decodeTable);
    const written = { family: Family.inet, name: "t", userdata: commentUserdata("a table") };
    assert.deepEqual(withoutHandle(read!), written);
    assert.equal(socket.dump(dumpTables(Family.ip)).map(decodeTable)[0]!.flags, 1);
    assert.deepEqual(
      nftJson(netns.name, "list tables").map(({ table }) => [table!["family"], table!["name"]]),
      [
        ["inet", "t"],
        ["ip", "other"],
      ],
    );
    send({ op: "delete table", table: { family: Family.inet, name: "t" } });
    assert.deepEqual(socket.dump(dumpTables(Family.inet)), []);
  });

  test("chains", () => {
    const chains: Chain[] = [
      { ...T, name: "regular", userdata: commentUserdata("called by others") },
      base("pre", "nat", "prerouting", -101),
      base("out", "route", "output", 5),
      {
        ...base("in", "filter", "input", -2_000_000),
        base: { ...base("in", "filter", "input", -2_000_000).base!, policy: "drop" },
      },
    ];
    send(addTable, ...chains.map((chain): Command => ({ op: "add chain", chain })));
    const read = socket.dump(dumpChains(Family.inet)).map(decodeChain);
    assert.deepEqual(read.map(withoutHandle), chains);
    assert.deepEqual(
      json("chain").map(({ name, type, hook, prio, policy }) => [name, type, hook, prio, policy]),
      [
        ["regular", undefined, undefined, undefined, undefined],
        ["pre", "nat", "prerouting", -101, "accept"],
        ["out", "route", "output", 5, "accept"],
        ["in", "filter", "input", -2_000_000, "drop"],
      ],
    );
    send({ op: "delete chain", chain: { ...T, name: "regular" } });
    assert.equal(json("chain").length, 3);
  });

  test("sets and maps of every kind", () => {
    send(addTable, ...sets.map((set): Command => ({ op: "add set", set })));
    const read = socket.dump(dumpSets(Family.inet, "t")).map(decodeSet);
    assert.deepEqual(
      read.map(({ count, ...set }) => {
        assert.ok(count === undefined || count === 0);
        return withoutHandle(set);
      }),
      sets,
    );
    assert.deepEqual(
      [...json("set"), ...json("map")].map(({ name, type, map, flags }) => [name, type, map, flags]),
      [
        ["plain", "ipv4_addr", undefined, undefined],
        ["ranges", "ipv6_addr", undefined, ["interval"]],
        ["names", ["ifname", "ifname"], undefined, undefined],
        ["dynamic", "ipv4_addr", undefined, ["timeout"]],
        ["boxes", ["ipv4_addr", "inet_service"], undefined, ["interval"]],
        ["data", ["ipv4_addr", "inet_proto", "inet_service", "mark"], "ipv4_addr . inet_service", undefined],
        ["verdicts", "mark", "verdict", undefined],
        ["last", "ipv4_addr", "ipv4_addr", ["timeout"]],
      ],
    );
    send({ op: "delete set", set: { ...T, name: "plain" } });
    assert.equal(socket.dump(dumpSets(Family.inet, "t")).length, sets.length - 1);
  });

  test("elements of every kind", () => {
    const v6 = (last: number): Uint8Array =>
      Uint8Array.from({ length: 16 }, (_, i) => (i === 0 ? 0xfd : i === 15 ? last : 0));
    const box = (address: string, number: number): Uint8Array =>
      Uint8Array.of(...ipv4(address), ...port(number));
    const name = (text: string): Buffer => Buffer.concat([Buffer.from(text)], 16);
    const elements: Record<string, [SetElement[], unknown]> = {
      plain: [
        [{ key: ipv4("10.0.0.1") }, { key: ipv4("10.0.0.2") }],
        ["10.0.0.1", "10.0.0.2"],
      ],
      ranges: [
        [{ key: v6(16) }, { key: v6(32), intervalEnd: true }],
        [{ prefix: { addr: "fd00::10", len: 124 } }],
      ],
      data: [
        [
          {
            key: Uint8Array.of(...ipv4("10.96.0.1"), 6, 0, 0, 0, ...port(80), ...hostBytes(2)),
            data: Uint8Array.of(...ipv4("10.1.1.1"), ...port(8080)),
          },
        ],
        [[{ concat: ["10.96.0.1", "tcp", 80, 2] }, { concat: ["10.1.1.1", 8080] }]],
      ],
      verdicts: [
        [
          { key: hostBytes(1), verdict: { code: "goto", chain: "c" } },
          { key: hostBytes(2), verdict: { code: "drop" } },
        ],
        [
          [1, { goto: { target: "c" } }],
          [2, { drop: null }],
        ],
      ],
      boxes: [
        [
          { key: box("10.0.0.0", 80), keyEnd: box("10.0.0.255", 80) },
          { key: box("10.1.0.0", 1000), keyEnd: box("10.1.0.9", 2000) },
        ],
        [
          { concat: ["10.0.0.0", 80].map((it, at) => (at === 0 ? { prefix: { addr: it, len: 24 } } : it)) },
          { concat: [{ range: ["10.1.0.0", "10.1.0.9"] }, { range: [1000, 2000] }] },
        ],
      ],
      names: [
        [{ key: Uint8Array.from(Buffer.concat([name("br0"), name("br1")])) }],
        [{ concat: ["br0", "br1"] }],
      ],
    };
    const kind = (of: string): SetDefinition => sets.find(({ name }) => name === of)!;
    send(
      addTable,
      { op: "add chain", chain: { ...T, name: "c" } },
      ...sets.map((set): Command => ({ op: "add set", set })),
      ...Object.entries(elements).map(([of, [list]]): Command => ({
        op: "add elements",
        set: kind(of),
        elements: list,
      })),
    );
    const sorted = (list: readonly SetElement[]): SetElement[] =>
      list.toSorted((a, b) => Buffer.compare(a.key, b.key));
    const listed = new Map([...json("set"), ...json("map")].map(({ name, elem }) => [name, elem]));
    for (const [of, [written, expected]] of Object.entries(elements)) {
      const read = socket.dump(dumpElements({ ...T, name: of })).flatMap(decodeElements);
      assert.deepEqual(sorted(read), sorted(written), of);
      const inOrder = (listed.get(of) as unknown[]).toSorted((a, b) =>
        JSON.stringify(a) < JSON.stringify(b) ? -1 : 1,
      );
      assert.deepEqual(inOrder, expected, of);
    }
    for (const [of, [written]] of Object.entries(elements)) {
      send({ op: "delete elements", set: kind(of), elements: written });
      assert.deepEqual(socket.dump(dumpElements({ ...T, name: of })).flatMap(decodeElements), [], of);
    }
  });

  test("an element of a set with timeouts tells how long it stays", () => {
    const set = sets.find(({ name }) => name === "dynamic")!;
    const elements = [{ key: ipv4("10.0.0.1") }, { key: ipv4("10.0.0.2"), timeout: 7000, expiration: 3000 }];
    send(addTable, { op: "add set", set }, { op: "add elements", set, elements });
    const read = socket.dump(dumpElements(set)).flatMap(decodeElements);
    const of = (address: string): SetElement =>
      read.find(({ key }) => Buffer.compare(key, ipv4(address)) === 0)!;
    assert.equal(read.length, 2);
    assert.equal(of("10.0.0.2").timeout, 7000);
    for (const [address, left] of [
      ["10.0.0.1", set.timeout!],
      ["10.0.0.2", 3000],
    ] as const) {
      const { expiration } = of(address);
      assert.ok(expiration !== undefined && expiration <= left && expiration > left - 2000, `${expiration}`);
    }
  });

  const payload = (protocol: string, name: string) => ({ payload: { protocol, field: name } });
  const match = (left: unknown, right: unknown, op = "==") => ({ match: { op, left, right } });
  const dnatKey = [
    payload("ip", "daddr"),
    { meta: { key: "l4proto" } },
    payload("th", "dport"),
    { numgen: { mode: "random", mod: 3, offset: 0 } },
  ];
  const rows: [chain: string, expressions: (Expression | Expression[])[], listed: unknown[]][] = [
    ["c", [verdict("accept")], [{ accept: null }]],
    ["c", [verdict("drop")], [{ drop: null }]],
    ["c", [verdict("return")], [{ return: null }]],
    ["c", [jump("d")], [{ jump: { target: "d" } }]],
    ["c", [goto("d")], [{ goto: { target: "d" } }]],
    [
      "c",
      [isIpv4(), field("ip saddr", reg(0)), equals(reg(0), ipv4("1.2.3.4")), verdict("drop")],
      [match(payload("ip", "saddr"), "1.2.3.4"), { drop: null }],
    ],
    [
      "c",
      [isIpv6(), field("ip6 daddr", reg(0)), lookup("ranges", reg(0)), verdict("drop")],
      [match(payload("ip6", "daddr"), "@ranges"), { drop: null }],
    ],
    [
      "c",
      [
        isIpv4(),
        field("ip saddr", reg(0)),
        { type: "lookup", set: "plain", sreg: reg(0), invert: true },
        verdict("drop"),
      ],
      [match(payload("ip", "saddr"), "@plain", "!="), { drop: null }],
    ],
    [
      "c",
      [meta("iifname", reg(0)), meta("oifname", reg(4)), lookup("names", reg(0)), verdict("drop")],
      [
        match({ concat: [{ meta: { key: "iifname" } }, { meta: { key: "oifname" } }] }, "@names"),
        { drop: null },
      ],
    ],
    [
      "c",
      [ctHas("state", 6), verdict("accept")],
      [match({ ct: { key: "state" } }, ["established", "related"], "in"), { accept: null }],
    ],
    [
      "c",
      [
        meta("l4proto", reg(0)),
        equals(reg(0), Uint8Array.of(6)),
        { type: "ct", key: "proto dst", direction: "original", dreg: reg(0) },
        { type: "cmp", sreg: reg(0), op: ">", value: Uint8Array.of(0, 80) },
        verdict("accept"),
      ],
      [
        match({ meta: { key: "l4proto" } }, "tcp"),
        match({ ct: { key: "proto-dst", dir: "original" } }, 80, ">"),
        { accept: null },
      ],
    ],
    [
      "c",
      [meta("mark", reg(0)), lookup("verdicts", reg(0), 0)],
      [{ vmap: { key: { meta: { key: "mark" } }, data: "@verdicts" } }],
    ],
    [
      "c",
      [
        { type: "immediate", dreg: reg(0), value: hostBytes(7) },
        { type: "meta set", key: "mark", sreg: reg(0) },
      ],
      [{ mangle: { key: { meta: { key: "mark" } }, value: 7 } }],
    ],
    [
      "c",
      [
        isIpv4(),
        field("ip saddr", reg(0)),
        { type: "jhash", sreg: reg(0), length: 4, modulus: 5, seed: 9, offset: 0, dreg: reg(1) },
        { type: "meta set", key: "mark", sreg: reg(1) },
      ],
      [
        {
          mangle: {
            key: { meta: { key: "mark" } },
            value: { jhash: { mod: 5, seed: 9, expr: payload("ip", "saddr") } },
          },
        },
      ],
    ],
    ["c", [{ type: "counter", packets: 3n, bytes: 4n }], [{ counter: { packets: 3, bytes: 4 } }]],
    [
      "c",
      [meta("l4proto", reg(0)), equals(reg(0), Uint8Array.of(6)), { type: "reject", with: "tcp reset" }],
      [match({ meta: { key: "l4proto" } }, "tcp"), { reject: { type: "tcp reset" } }],
    ],
    [
      "c",
      [{ type: "reject", with: "icmpx port-unreachable" }],
      [{ reject: { type: "icmpx", expr: "port-unreachable" } }],
    ],
    [
      "pre",
      [
        isIpv4(),
        field("ip daddr", reg(0)),
        meta("l4proto", reg(1)),
        field("th dport", reg(2)),
        { type: "numgen", mode: "random", modulus: 3, offset: 0, dreg: reg(3) },
        lookup("data", reg(0), reg(4)),
        { type: "nat", kind: "dnat", family: Family.ip, address: reg(4), port: reg(5) },
      ],
      [{ dnat: { family: "ip", addr: { map: { key: { concat: dnatKey }, data: "@data" } } } }],
    ],
    ["post", [{ type: "masquerade" }], [{ masquerade: null }]],
    [
      "pre",
      [
        { type: "fib", result: "type", flags: ["daddr"], dreg: reg(0) },
        equals(reg(0), hostBytes(2)),
        verdict("accept"),
      ],
      [match({ fib: { result: "type", flags: ["daddr"] } }, "local"), { accept: null }],
    ],
    [
      "pre",
      [
        { type: "fib", result: "oif", flags: ["saddr", "iif"], dreg: reg(0) },
        equals(reg(0), hostBytes(0)),
        verdict("drop"),
      ],
      [match({ fib: { result: "oif", flags: ["saddr", "iif"] } }, "0"), { drop: null }],
    ],
    [
      "c",
      [
        isIpv4(),
        field("ip saddr", reg(0)),
        { type: "dynset", op: "update", set: "dynamic", keySreg: reg(0), timeout: 5000 },
      ],
      [
        {
          set: { op: "update", elem: { elem: { val: payload("ip", "saddr"), timeout: 5 } }, set: "@dynamic" },
        },
      ],
    ],
    [
      "c",
      [
        isIpv4(),
        field("ip saddr", reg(0)),
        field("ip daddr", reg(1)),
        { type: "dynset", op: "add", set: "last", keySreg: reg(0), dataSreg: reg(1) },
      ],
      // nft 1.0.6 has no JSON for this.
      ["add @last { ip saddr : ip daddr }"],
    ],
    ["post", [{ type: "masquerade", flags: 4 }], [{ masquerade: { flags: "random" } }]],
    [
      "post",
      [
        isIpv4(),
        field("ip saddr", reg(0)),
        { type: "nat", kind: "snat", family: Family.ip, address: reg(0) },
      ],
      [{ snat: { family: "ip", addr: payload("ip", "saddr") } }],
    ],
  ];

  test("rules of every expression", () => {
    send(
      addTable,
      ...sets.map((set): Command => ({ op: "add set", set })),
      { op: "add chain", chain: { ...T, name: "c" } },
      { op: "add chain", chain: { ...T, name: "d" } },
      { op: "add chain", chain: base("pre", "nat", "prerouting", -100) },
      { op: "add chain", chain: base("post", "nat", "postrouting", 100) },
    );
    for (const [chain, parts, expected] of rows) {
      const rule = { ...T, chain, expressions: parts.flat(), comment: "why" };
      send({ op: "add rule", rule });
      const [read] = socket.dump(dumpRules(Family.inet, "t", chain)).map(decodeRule);
      const { handle, ...rest } = read!;
      assert.deepEqual(rest, rule);
      const listed = json("rule").find((one) => one["chain"] === chain);
      assert.deepEqual([listed!["expr"], listed!["comment"]], [expected, "why"]);
      send({ op: "delete rule", rule: { ...T, chain, handle: handle! } });
    }
    assert.deepEqual(socket.dump(dumpRules(Family.inet, "t")), []);
  });

  test("rules are in the order of adding, and flushing a chain takes them all", () => {
    const rule = (chain: string, mark: number): Command => ({
      op: "add rule",
      rule: {
        ...T,
        chain,
        expressions: [meta("mark", reg(0)), equals(reg(0), hostBytes(mark)), verdict("accept")],
      },
    });
    const chain: Command = { op: "add chain", chain: { ...T, name: "c" } };
    send(addTable, chain, rule("c", 1), rule("c", 2), rule("c", 3));
    const marks = socket
      .dump(dumpRules(Family.inet, "t"))
      .map(decodeRule)
      .map(({ expressions }) => (expressions[1]?.type === "cmp" ? expressions[1].value[0] : undefined));
    assert.deepEqual(marks, [1, 2, 3]);
    send({ op: "flush chain", chain: { ...T, name: "c" } });
    assert.deepEqual(socket.dump(dumpRules(Family.inet, "t")), []);
  });

  test("100,000 elements go out in one batch and come back", () => {
    const set = sets[2]!;
    const elements = Array.from({ length: 100_000 }, (_, index): SetElement => ({
      key: Uint8Array.of(...hostBytes(index), ...new Uint8Array(12)),
      data: Uint8Array.of(...hostBytes(index), ...new Uint8Array(4)),
    }));
    send(addTable, { op: "add set", set }, { op: "add elements", set, elements });
    const read = socket.dump(dumpElements(set)).flatMap(decodeElements);
    assert.equal(read.length, elements.length);
    for (const { key, data } of read) assert.deepEqual(key.subarray(0, 4), data!.subarray(0, 4));
  });

  test("a batch is done whole or not at all", () => {
    const refused: Command = { op: "delete chain", chain: { ...T, name: "nobody" } };
    assert.throws(
      () => send(addTable, refused),
      (error) => error instanceof NetlinkError && error.code === "ENOENT" && error.index === 2,
    );
    assert.deepEqual(socket.dump(dumpTables(Family.inet)), []);
  });

  test("a batch on condition of a generation is refused once anybody has committed", () => {
    const generation = (): number => decodeGeneration(socket.transact(getGeneration())[0]!).id;
    const first = generation();
    socket.transact(encodeBatch([addTable], { generation: first }));
    assert.equal(generation(), first + 1);
    assert.throws(
      () => socket.transact(encodeBatch([addTable], { generation: first })),
      (error) => error instanceof NetlinkError && error.code === "ERESTART" && error.index === 0,
    );
  });
});
