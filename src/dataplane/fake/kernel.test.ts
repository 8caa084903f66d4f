/** Hooks, priorities, chains, translation and connections: packets in, fates out. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ip, ipBytes } from "../../base/ip.ts";
import {
  ctHas,
  equals,
  field,
  goto,
  hostBytes,
  isIpv4,
  jump,
  reg,
  verdict,
} from "../../net/nftables/expressions.ts";
import type { Chain, Command, Expression } from "../../net/nftables/model.ts";
import { Family, Hook } from "../../net/nftables/model.ts";
import { FakeKernel } from "./kernel.ts";
import type { Arrival, Outcome } from "./packet-trace.ts";
import { formatFate } from "./packet-trace.ts";
import type { Packet } from "./packet.ts";

const T = { family: Family.inet, table: "t" } as const;
const HOST = {
  interfaces: [
    { name: "lan", addresses: ["11.1.1.254/24", "fd11::fe/64"] },
    { name: "pods", addresses: ["10.1.1.254/24", "fd10::fe/64"] },
  ],
  routes: [{ to: "0.0.0.0/0", oif: "lan" }],
};
const LAN: Arrival = { from: "network", iif: "lan" };
const PODS: Arrival = { from: "network", iif: "pods" };
const OWN: Arrival = { from: "host" };
const SYN: Packet = {
  protocol: "TCP",
  source: "11.1.1.1",
  sourcePort: 40_000,
  destination: "10.96.0.10",
  destinationPort: 80,
};

interface ChainText {
  readonly hook?: keyof typeof Hook;
  readonly type?: "filter" | "nat";
  readonly priority?: number;
  readonly policy?: "accept" | "drop";
  readonly rules: readonly (readonly (Expression | readonly Expression[])[])[];
}

/** Chains by name, in order; one with a hook is a base chain. */
function commands(chains: Readonly<Record<string, ChainText>>): Command[] {
  const entries = Object.entries(chains);
  const chain = ([
    name,
    { hook, type = "filter", priority = 0, policy = "accept" },
  ]: (typeof entries)[0]): Chain =>
    hook === undefined ? { ...T, name } : { ...T, name, base: { type, hook: Hook[hook], priority, policy } };
  return [
    { op: "add table", table: { family: Family.inet, name: "t" } },
    ...entries.map((entry): Command => ({ op: "add chain", chain: chain(entry) })),
    ...entries.flatMap(([name, { rules }]) =>
      rules.map((rule): Command => ({
        op: "add rule",
        rule: { ...T, chain: name, expressions: rule.flat() },
      })),
    ),
  ];
}

function kernelWith(chains: Readonly<Record<string, ChainText>>): FakeKernel {
  const kernel = new FakeKernel(HOST);
  kernel.commit(commands(chains));
  return kernel;
}

function value(text: string): Expression {
  return { type: "immediate", dreg: reg(0), value: ipBytes(ip(text)) };
}

function to(daddr: string): Expression[] {
  return [...isIpv4(), field("ip daddr", reg(0)), equals(reg(0), ipBytes(ip(daddr)))];
}

function dnat(address: string, port: number): Expression[] {
  const bytes = Uint8Array.of(port >>> 8, port);
  return [
    value(address),
    { type: "immediate", dreg: reg(1), value: bytes },
    { type: "nat", kind: "dnat", family: Family.ip, address: reg(0), port: reg(1) },
  ];
}

const drop = verdict("drop");
const accept = verdict("accept");
const counter: Expression = { type: "counter" };

function fate(outcome: Outcome): string {
  return formatFate(outcome.fate);
}

suite("chains", () => {
  const after = (
    rules: ChainText["rules"],
    more: Readonly<Record<string, ChainText>> = {},
    policy: "accept" | "drop" = "accept",
  ): string => fate(kernelWith({ ...more, c: { hook: "prerouting", policy, rules } }).send(SYN, LAN));
  const through = "untranslated 10.96.0.10:80 through lan, from 11.1.1.1:40000";
  const dropped = (place: string): string => `dropped by ${place}`;

  test("the first verdict decides", () => {
    assert.equal(after([[counter], [accept], [drop]]), through);
    assert.equal(after([[counter], [drop], [accept]]), dropped("t c rule 2"));
  });
  test("with none, the policy", () => {
    assert.equal(after([[counter]], {}, "drop"), dropped("policy of c"));
    assert.equal(after([[verdict("return")]], {}, "drop"), dropped("policy of c"));
    assert.equal(after([[verdict("continue")], [drop]]), dropped("t c rule 2"));
  });
  test("a jump comes back, to the next rule", () => {
    assert.equal(after([[jump("r")], [drop]], { r: { rules: [[counter]] } }), dropped("t c rule 2"));
    assert.equal(
      after([[jump("r")], [drop]], { r: { rules: [[verdict("return")], [accept]] } }),
      dropped("t c rule 2"),
    );
    assert.equal(after([[jump("r")], [drop]], { r: { rules: [[accept]] } }), through);
  });
  test("a goto does not come back: the base chain's policy follows", () => {
    assert.equal(after([[goto("r")], [drop]], { r: { rules: [[counter]] } }), through);
    assert.equal(
      after([[goto("r")], [accept]], { r: { rules: [[counter]] } }, "drop"),
      dropped("policy of c"),
    );
  });
  test("after a goto inside a jump it goes on where the jump was", () => {
    const more = { r: { rules: [] }, q: { rules: [[goto("r")], [accept]] } };
    assert.equal(after([[jump("q")], [drop]], more), dropped("t c rule 2"));
  });
});

suite("base chains", () => {
  test("accept ends one chain, the next one still drops; the lower priority is first", () => {
    const kernel = kernelWith({
      late: { hook: "prerouting", priority: 10, rules: [[drop]] },
      early: { hook: "prerouting", priority: -10, rules: [[accept]] },
    });
    assert.equal(fate(kernel.send(SYN, LAN)), "dropped by t late rule 1");
  });
  test("of the same priority the newest is first", () => {
    const kernel = kernelWith({
      old: { hook: "input", rules: [[drop]] },
      young: { hook: "input", rules: [[drop]] },
    });
    assert.equal(fate(kernel.send({ ...SYN, destination: "11.1.1.254" }, LAN)), "dropped by t young rule 1");
  });
  test("which hooks a packet meets depends on where it comes from and goes", () => {
    const hooks = ["prerouting", "input", "forward", "output", "postrouting"] as const;
    const met = (packet: Packet, arrival: Arrival): string[] => {
      const kernel = kernelWith(
        Object.fromEntries(hooks.map((hook) => [hook, { hook, rules: [[counter]] }])),
      );
      const { steps } = kernel.send(packet, arrival);
      return steps.filter(({ place }) => place !== undefined).map(({ hook }) => hook);
    };
    const own = { ...SYN, destination: "10.1.1.254" };
    assert.deepEqual(met(SYN, LAN), ["prerouting", "forward", "postrouting"]);
    assert.deepEqual(met(own, LAN), ["prerouting", "input"]);
    assert.deepEqual(met({ ...SYN, source: "11.1.1.254" }, OWN), ["output", "postrouting"]);
    assert.deepEqual(met({ ...own, source: "11.1.1.254" }, OWN), [
      "output",
      "postrouting",
      "prerouting",
      "input",
    ]);
  });
  test("of another family do not see the packet; those of a dormant table see none", () => {
    for (const table of [
      { family: Family.ip6, name: "x" },
      { family: Family.inet, name: "x", flags: 1 },
    ] as const) {
      const kernel = new FakeKernel(HOST);
      const of = { family: table.family, table: "x" };
      const base = { type: "filter", hook: Hook.prerouting, priority: 0, policy: "drop" } as const;
      kernel.commit([
        { op: "add table", table },
        { op: "add chain", chain: { ...of, name: "c", base } },
      ]);
      assert.equal(kernel.send(SYN, LAN).fate.kind, "delivered");
    }
  });
});

suite("translation", () => {
  const web = {
    dst: {
      hook: "prerouting",
      type: "nat",
      priority: -100,
      rules: [[to("10.96.0.10"), dnat("10.1.1.4", 8080)]],
    },
  } as const;
  const there = "10.1.1.4:8080 through pods, from 11.1.1.1:40000";

  test("goes where the new destination is, and its answers come from the old one", () => {
    const kernel = kernelWith(web);
    assert.equal(fate(kernel.send(SYN, LAN)), there);
    const answer: Packet = {
      protocol: "TCP",
      source: "10.1.1.4",
      sourcePort: 8080,
      destination: "11.1.1.1",
      destinationPort: 40_000,
      tcpFlags: ["SYN", "ACK"],
    };
    assert.equal(fate(kernel.send(answer, PODS)), "11.1.1.1:40000 through lan, from 10.96.0.10:80");
    assert.equal(fate(kernel.send({ ...SYN, tcpFlags: ["ACK"] }, LAN)), there);
  });
  test("stays as it was for the connection when the rules change, and is new for the next", () => {
    const kernel = kernelWith(web);
    kernel.send(SYN, LAN);
    kernel.commit([{ op: "flush chain", chain: { ...T, name: "dst" } }]);
    assert.equal(fate(kernel.send(SYN, LAN)), there);
    const next = { ...SYN, sourcePort: 40_001 };
    assert.equal(fate(kernel.send(next, LAN)), "untranslated 10.96.0.10:80 through lan, from 11.1.1.1:40001");
    assert.ok(kernel.forgetConnection(SYN));
    assert.equal(fate(kernel.send(SYN, LAN)), "untranslated 10.96.0.10:80 through lan, from 11.1.1.1:40000");
  });
  test("is asked for again after the endpoint has refused with a reset", () => {
    const kernel = kernelWith(web);
    kernel.send(SYN, LAN);
    const reset: Packet = {
      ...SYN,
      source: "10.1.1.4",
      sourcePort: 8080,
      destination: "11.1.1.1",
      destinationPort: 40_000,
      tcpFlags: ["RST", "ACK"],
    };
    assert.equal(fate(kernel.send(reset, PODS)), "11.1.1.1:40000 through lan, from 10.96.0.10:80");
    assert.equal(kernel.trackedConnections().length, 0);
  });
  test("is not for packets that belong to no connection", () => {
    const stray = kernelWith(web).send({ ...SYN, tcpFlags: ["RST"] }, LAN);
    assert.equal(fate(stray), "untranslated 10.96.0.10:80 through lan, from 11.1.1.1:40000");
  });
  test("runs at its place in the hook whatever the chain's priority; a filter before it sees the old destination", () => {
    const seen = (priority: number): string =>
      fate(
        kernelWith({
          dst: { ...web.dst, priority: 300 },
          filter: { hook: "prerouting", priority, rules: [[to("10.96.0.10"), drop]] },
        }).send(SYN, LAN),
      );
    assert.equal(seen(-101), "dropped by t filter rule 1");
    assert.equal(seen(-99), there);
  });
  test("of the host's own packets routes them again", () => {
    const kernel = kernelWith({ dst: { ...web.dst, hook: "output" } });
    const own = { ...SYN, source: "11.1.1.254" };
    assert.equal(fate(kernel.send(own, OWN)), "10.1.1.4:8080 through pods, from 11.1.1.254:40000");
    const loop = fate(kernel.send({ ...own, source: "127.0.0.1" }, OWN));
    assert.equal(loop, "not taken further: 127.0.0.1 cannot leave this host");
  });
  test("to the host itself is delivered there", () => {
    const kernel = kernelWith({ dst: { ...web.dst, rules: [[dnat("10.1.1.254", 22)]] } });
    assert.equal(fate(kernel.send(SYN, LAN)), "10.1.1.254:22 on this host, from 11.1.1.1:40000");
  });
  test("masquerade takes the address of the interface that it leaves through", () => {
    const kernel = kernelWith({
      ...web,
      src: {
        hook: "postrouting",
        type: "nat",
        priority: 100,
        rules: [[ctHas("status", 32), { type: "masquerade" }]],
      },
    });
    assert.equal(fate(kernel.send(SYN, LAN)), "10.1.1.4:8080 through pods, from 10.1.1.254:40000");
    const direct = { ...SYN, destination: "10.1.1.4" };
    assert.equal(
      fate(kernel.send(direct, LAN)),
      "untranslated 10.1.1.4:80 through pods, from 11.1.1.1:40000",
    );
  });
  test("two connections that would have the same answers: the second one gets another source port", () => {
    const kernel = kernelWith(web);
    kernel.send({ ...SYN, destination: "10.1.1.4", destinationPort: 8080 }, LAN);
    const { fate: second } = kernel.send(SYN, LAN);
    assert.ok(second.kind === "delivered" && second.sourcePortPicked);
    assert.match(
      formatFate(second),
      /^10\.1\.1\.4:8080 through pods, from 11\.1\.1\.1:\d+ \(a port that the kernel picks\)$/,
    );
  });
  test("with a random number has one outcome for each, and one that is taken is remembered", () => {
    const pick = (number: number, address: string): (Expression | readonly Expression[])[] => [
      { type: "numgen", mode: "random", modulus: 2, offset: 0, dreg: reg(0) },
      equals(reg(0), hostBytes(number)),
      dnat(address, 80),
    ];
    const kernel = kernelWith({ dst: { ...web.dst, rules: [pick(0, "10.1.1.4"), [dnat("10.1.1.5", 80)]] } });
    const trace = kernel.trace(SYN, LAN);
    assert.deepEqual(trace.outcomes.map(fate).sort(), [
      "10.1.1.4:80 through pods, from 11.1.1.1:40000",
      "10.1.1.5:80 through pods, from 11.1.1.1:40000",
    ]);
    kernel.take(trace, trace.outcomes[1]!);
    assert.equal(fate(kernel.send(SYN, LAN)), fate(trace.outcomes[1]!));
    assert.throws(() => kernel.take(trace, trace.outcomes[0]!), /trace again/);
  });
});

suite("the host's own judgement", () => {
  const cases: [string, Packet, Arrival, string][] = [
    [
      "its own source address from outside",
      { ...SYN, source: "10.1.1.254" },
      LAN,
      "not taken further: the source address is the host's own",
    ],
    [
      "a loopback address from outside",
      { ...SYN, destination: "127.0.0.1" },
      LAN,
      "not taken further: a loopback address on another interface",
    ],
    [
      "no route",
      { ...SYN, source: "fd11::1", destination: "2001:db8::1" },
      LAN,
      "not taken further: no route to 2001:db8::1",
    ],
  ];
  for (const [name, packet, arrival, expected] of cases)
    test(name, () => assert.equal(fate(new FakeKernel(HOST).send(packet, arrival)), expected));
});
