/** Every expression by what it makes of a packet: a rule that drops if it matches, and packets that do and do not. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ip, ipBytes } from "../../base/ip.ts";
import { equals, field, hostBytes, isIpv4, lookup, meta, reg } from "../../net/nftables/expressions.ts";
import type { Command, Expression, SetDefinition, SetElement } from "../../net/nftables/model.ts";
import { Family, Hook, REG_VERDICT } from "../../net/nftables/model.ts";
import { jhash, scale } from "./jhash.ts";
import { FakeKernel } from "./kernel.ts";
import { formatFate } from "./packet-trace.ts";
import type { Packet } from "./packet.ts";

const T = { family: Family.inet, table: "t" } as const;
const SYN: Packet = {
  protocol: "TCP",
  source: "198.51.100.7",
  sourcePort: 40_000,
  destination: "203.0.113.5",
  destinationPort: 80,
};
const UDP: Packet = { ...SYN, protocol: "UDP", destinationPort: 53 };
const V6: Packet = { ...SYN, source: "2001:db8:1::7", destination: "2001:db8:2::5" };

type Rules = readonly (Expression | readonly Expression[])[][];

/** A kernel with one prerouting filter chain that has these rules, and chain `other`. */
function kernelWith(rules: Rules, sets: readonly Command[] = []): FakeKernel {
  const kernel = new FakeKernel();
  kernel.commit([
    { op: "add table", table: { family: Family.inet, name: "t" } },
    { op: "add chain", chain: { ...T, name: "other" } },
    {
      op: "add chain",
      chain: {
        ...T,
        name: "c",
        base: { type: "filter", hook: Hook.prerouting, priority: 0, policy: "accept" },
      },
    },
    ...sets,
    ...rules.map((rule): Command => ({
      op: "add rule",
      rule: { ...T, chain: "c", expressions: rule.flat() },
    })),
  ]);
  return kernel;
}

const DROP: Expression = { type: "verdict", verdict: { code: "drop" } };

/** Whether a rule of these expressions and a drop matches the packet. */
function matches(
  expressions: readonly (Expression | readonly Expression[])[],
  packet: Packet,
  sets: readonly Command[] = [],
): boolean {
  const kernel = kernelWith([[...expressions, DROP]], sets);
  const [outcome] = kernel.trace(packet, { from: "network", iif: "eth0" }).outcomes;
  return outcome!.fate.kind === "dropped";
}

function bytes(text: string): Uint8Array {
  return ipBytes(ip(text));
}

suite("payload", () => {
  const cases: [string, Expression, Uint8Array, Packet, boolean][] = [
    ["ip daddr", field("ip daddr", reg(0)), bytes("203.0.113.5"), SYN, true],
    ["ip saddr", field("ip saddr", reg(0)), bytes("198.51.100.7"), SYN, true],
    ["another ip daddr", field("ip daddr", reg(0)), bytes("203.0.113.6"), SYN, false],
    ["ip6 daddr", field("ip6 daddr", reg(0)), bytes("2001:db8:2::5"), V6, true],
    ["th dport, network order", field("th dport", reg(0)), Uint8Array.of(0, 80), SYN, true],
    ["th sport", field("th sport", reg(0)), Uint8Array.of(0x9c, 0x40), UDP, true],
    [
      "TCP flags",
      { type: "payload", base: "transport", offset: 13, length: 1, dreg: reg(0) },
      Uint8Array.of(2),
      SYN,
      true,
    ],
    [
      "past the end: no match",
      { type: "payload", base: "transport", offset: 8, length: 2, dreg: reg(0) },
      Uint8Array.of(0, 0),
      UDP,
      false,
    ],
    [
      "no link header here",
      { type: "payload", base: "link", offset: 0, length: 2, dreg: reg(0) },
      Uint8Array.of(0, 0),
      SYN,
      false,
    ],
  ];
  for (const [name, load, value, packet, expected] of cases)
    test(name, () => assert.equal(matches([load, equals(reg(0), value)], packet), expected));
});

suite("meta", () => {
  const name = (text: string): Uint8Array =>
    Buffer.concat([Buffer.from(text), Buffer.alloc(16 - text.length)]);
  const cases: [Parameters<typeof meta>[0], Uint8Array, Packet, boolean][] = [
    ["nfproto", Uint8Array.of(2), SYN, true],
    ["nfproto", Uint8Array.of(10), V6, true],
    ["l4proto", Uint8Array.of(17), UDP, true],
    ["l4proto", Uint8Array.of(6, 0, 0, 0), SYN, true],
    ["protocol", Uint8Array.of(0x86, 0xdd), V6, true],
    ["iifname", name("eth0"), SYN, true],
    ["iifname", name("eth"), SYN, false],
    ["oifname", name(""), SYN, true],
    ["iif", hostBytes(2), SYN, true],
    ["oif", hostBytes(0), SYN, true],
    ["mark", hostBytes(0), SYN, true],
    ["pkttype", Uint8Array.of(0), SYN, true],
  ];
  for (const [key, value, packet, expected] of cases)
    test(`${key} ${expected ? "==" : "!="} ${Buffer.from(value).toString("hex")}`, () =>
      assert.equal(matches([meta(key, reg(0)), equals(reg(0), value)], packet), expected));

  test("a mark that one rule sets is seen by the next", () => {
    const set: Expression[] = [
      { type: "immediate", dreg: reg(0), value: hostBytes(7) },
      { type: "meta set", key: "mark", sreg: reg(0) },
    ];
    const kernel = kernelWith([set, [meta("mark", reg(0)), equals(reg(0), hostBytes(7)), DROP]]);
    assert.equal(kernel.send(SYN, { from: "network", iif: "eth0" }).fate.kind, "dropped");
  });
});

suite("cmp compares bytes from the left, whatever they mean", () => {
  const cases: [Extract<Expression, { type: "cmp" }>["op"], number[], boolean][] = [
    ["==", [0, 80], true],
    ["!=", [0, 80], false],
    ["<", [0, 81], true],
    ["<", [0, 80], false],
    ["<=", [0, 80], true],
    [">", [0, 79], true],
    [">", [1, 0], false],
    [">=", [0, 80], true],
    [">=", [0, 81], false],
  ];
  for (const [op, value, expected] of cases)
    test(`port 80 ${op} ${value.join(".")}: ${expected}`, () => {
      const compare: Expression = { type: "cmp", sreg: reg(0), op, value: Uint8Array.from(value) };
      assert.equal(matches([field("th dport", reg(0)), compare], SYN), expected);
    });
});

test("bitwise masks, then turns bits over", () => {
  const twist: Expression = {
    type: "bitwise",
    sreg: reg(0),
    dreg: reg(2),
    mask: Uint8Array.of(255, 255, 0, 0),
    xor: Uint8Array.of(0, 0, 0, 1),
  };
  assert.ok(matches([field("ip daddr", reg(0)), twist, equals(reg(2), bytes("203.0.0.1"))], SYN));
});

suite("registers", () => {
  test("the four of 16 bytes and the sixteen of 4 are the same memory", () => {
    const load: Expression = { type: "payload", base: "network", offset: 8, length: 16, dreg: 2 };
    const [last] = [Uint8Array.of(0, 0, 0, 7)];
    assert.ok(matches([load, equals(reg(7), last)], V6));
  });
  test("a short value clears the rest of its last word, and no more", () => {
    const fill: Expression = { type: "immediate", dreg: reg(0), value: new Uint8Array(8).fill(0xff) };
    const value = Uint8Array.of(0, 80, 0, 0, 0xff, 0xff, 0xff, 0xff);
    assert.ok(matches([fill, field("th dport", reg(0)), equals(reg(0), value)], SYN));
  });
});

suite("lookup", () => {
  const address: SetDefinition = {
    ...T,
    name: "s",
    kind: "set",
    keyTypes: ["ipv4_addr"],
    keyLength: 4,
    flags: {},
  };
  const add = (set: SetDefinition, ...elements: SetElement[]): Command[] => [
    { op: "add set", set },
    { op: "add elements", set, elements },
  ];
  const daddr = field("ip daddr", reg(0));
  const inSet = (set: string, invert?: boolean): Expression[] => [
    ...isIpv4(),
    daddr,
    { type: "lookup", set, sreg: reg(0), ...(invert === undefined ? {} : { invert }) },
  ];
  const towards = (destination: string): Packet => ({ ...SYN, destination });

  test("of a key that is there, and of one that is not", () => {
    const sets = add(address, { key: bytes("203.0.113.5") });
    assert.equal(matches(inSet("s"), SYN, sets), true);
    assert.equal(matches(inSet("s"), towards("203.0.113.6"), sets), false);
    assert.equal(matches(inSet("s", true), SYN, sets), false);
    assert.equal(matches(inSet("s", true), towards("203.0.113.6"), sets), true);
  });

  test("of intervals: the first address is in, the end is not", () => {
    const interval: SetDefinition = { ...address, flags: { interval: true } };
    const sets = add(
      interval,
      { key: bytes("10.96.0.0") },
      { key: bytes("10.96.0.16"), intervalEnd: true },
      { key: bytes("10.96.0.16") },
      { key: bytes("10.96.0.32"), intervalEnd: true },
      { key: bytes("255.255.255.0") },
    );
    const found = [
      "10.95.255.255",
      "10.96.0.0",
      "10.96.0.15",
      "10.96.0.16",
      "10.96.0.31",
      "10.96.0.32",
      "255.255.255.255",
    ];
    assert.deepEqual(
      found.map((destination) => matches(inSet("s"), towards(destination), sets)),
      [false, true, true, true, true, false, true],
    );
  });

  test("of a concatenation, each part padded to a register", () => {
    const key = Uint8Array.of(203, 0, 113, 5, 6, 0, 0, 0, 0, 80, 0, 0);
    const set: SetDefinition = {
      ...address,
      keyTypes: ["ipv4_addr", "inet_proto", "inet_service"],
      keyLength: 12,
    };
    const load = [...isIpv4(), daddr, meta("l4proto", reg(1)), field("th dport", reg(2))];
    assert.equal(matches([load, lookup("s", reg(0))], SYN, add(set, { key })), true);
    assert.equal(
      matches([load, lookup("s", reg(0))], { ...SYN, destinationPort: 81 }, add(set, { key })),
      false,
    );
  });

  test("of a map loads the data", () => {
    const map: SetDefinition = { ...address, kind: "map", dataTypes: ["mark"], dataLength: 4 };
    const sets = add(map, { key: bytes("203.0.113.5"), data: hostBytes(9) });
    assert.ok(
      matches([...isIpv4(), daddr, lookup("s", reg(0), reg(4)), equals(reg(4), hostBytes(9))], SYN, sets),
    );
  });

  test("of a verdict map ends the rule with the verdict, which may be to go on", () => {
    const map: SetDefinition = { ...address, kind: "verdict map" };
    const sets = add(
      map,
      { key: bytes("203.0.113.5"), verdict: { code: "continue" } },
      { key: bytes("203.0.113.6"), verdict: { code: "accept" } },
      { key: bytes("203.0.113.7"), verdict: { code: "goto", chain: "other" } },
    );
    const rule = [...isIpv4(), daddr, lookup("s", reg(0), REG_VERDICT)];
    const dropped = ["203.0.113.5", "203.0.113.6", "203.0.113.7", "203.0.113.8"].map((destination) =>
      matches(rule, towards(destination), sets),
    );
    assert.deepEqual(dropped, [true, false, false, false]);
  });
});

suite("numbers", () => {
  const isNumber = (source: Expression, number: number): Expression[] => [
    source,
    equals(reg(0), hostBytes(number)),
  ];

  test("numgen random has every number, each as likely", () => {
    const numgen: Expression = { type: "numgen", mode: "random", modulus: 6, offset: 10, dreg: reg(0) };
    const { outcomes } = kernelWith([[...isNumber(numgen, 12), DROP]]).trace(SYN, {
      from: "network",
      iif: "eth0",
    });
    assert.deepEqual(
      outcomes.map(({ fate, share }) => [fate.kind, share]),
      [
        ["delivered", { numerator: 5n, denominator: 6n }],
        ["dropped", { numerator: 1n, denominator: 6n }],
      ],
    );
  });

  test("numgen incremental starts at its offset and comes round", () => {
    const numgen: Expression = { type: "numgen", mode: "incremental", modulus: 3, offset: 1, dreg: reg(0) };
    const kernel = kernelWith([[...isNumber(numgen, 1), DROP]]);
    const fates = [1, 2, 3, 4].map(
      (port) => kernel.send({ ...SYN, sourcePort: port }, { from: "network", iif: "eth0" }).fate.kind,
    );
    assert.deepEqual(fates, ["dropped", "delivered", "delivered", "dropped"]);
  });

  test("jhash hashes what is in its registers", () => {
    const hash: Expression = {
      type: "jhash",
      sreg: reg(0),
      length: 4,
      modulus: 100,
      seed: 0x12345678,
      offset: 5,
      dreg: reg(0),
    };
    const number = scale(jhash(bytes("198.51.100.7"), 0x12345678), 100) + 5;
    const load = field("ip saddr", reg(0));
    assert.ok(matches([load, hash, equals(reg(0), hostBytes(number))], SYN));
  });

  test("counters count what is taken, with its length", () => {
    const kernel = kernelWith([[{ type: "counter" }]]);
    const trace = kernel.trace(SYN, { from: "network", iif: "eth0" });
    const counter = (): unknown => kernel.rules(Family.inet, "t")[0]!.expressions[0];
    assert.deepEqual(counter(), { type: "counter", packets: 0n, bytes: 0n });
    kernel.take(trace, trace.outcomes[0]!);
    assert.deepEqual(counter(), { type: "counter", packets: 1n, bytes: 40n });
  });
});

suite("reject", () => {
  const cases: ["tcp reset" | "icmpx port-unreachable", Packet, string][] = [
    ["tcp reset", SYN, "rejected with tcp reset by t c rule 1"],
    ["tcp reset", UDP, "rejected with nothing by t c rule 1"],
    ["tcp reset", { ...SYN, tcpFlags: ["RST"] }, "rejected with nothing by t c rule 1"],
    ["icmpx port-unreachable", V6, "rejected with icmp port-unreachable by t c rule 1"],
  ];
  for (const [how, packet, expected] of cases)
    test(`with ${how}: ${expected}`, () => {
      const kernel = kernelWith([[{ type: "reject", with: how }]]);
      assert.equal(formatFate(kernel.send(packet, { from: "network", iif: "eth0" }).fate), expected);
    });
});

test("a rule with an expression that is not known here says so when a packet meets it", () => {
  const kernel = kernelWith([[{ type: "unknown", name: "socket", data: new Uint8Array() }]]);
  assert.throws(
    () => kernel.trace(SYN, { from: "network", iif: "eth0" }),
    /chain c has the expression "socket"/,
  );
});
