import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatIp, ip } from "../../base/ip.ts";
import type { Command } from "../../net/nftables/model.ts";
import { DataPlaneError } from "../dataplane.ts";
import { FakePort } from "../fake/fake-port.ts";
import { FakeKernel } from "../fake/kernel.ts";
import type { Backend, Choice, TableDelta, VirtualPort } from "../table.ts";
import { virtualPortKey } from "../table.ts";
import { desiredState } from "./desired-state.ts";
import { elementData, elementKey, readKernelState } from "./kernel-state.ts";
import { commitPlan, planDelta } from "./plan.ts";
import { nothingProgrammed } from "./programmed.ts";
import { rangeElements } from "./ranges.ts";
import { reconcile } from "./reconcile.ts";
import { constantElements } from "./ruleset.ts";

const RANGES = ["10.96.0.0/16", "fd96::/112"];

function port(address: string, backends: string[], rest: Partial<VirtualPort> = {}): VirtualPort {
  return {
    service: "default/web",
    portName: "",
    address,
    protocol: "TCP",
    port: 80,
    backends: backends.map((address) => ({ address, port: 8080 })),
    ...rest,
  };
}

/** "add endpoints4 2": one line for each command. */
function summary(commands: readonly Command[]): string[] {
  return commands.map((command) => {
    if ("elements" in command)
      return `${command.op.split(" ")[0]} ${command.set.name} ${command.elements.length}`;
    return "chain" in command ? `${command.op} ${command.chain.name}` : command.op;
  });
}

/** What each change sends, one after the other. */
function changes(...deltas: TableDelta[]): string[][] {
  const programmed = nothingProgrammed(RANGES);
  return deltas.map((delta) => {
    const plan = planDelta(programmed, delta);
    commitPlan(programmed, plan);
    return summary(plan.commands);
  });
}

describe("what a change sends", () => {
  const [a, b, c, d] = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"] as const;
  const set = (...backends: string[]): TableDelta => ({ set: [port("10.96.0.1", backends)], remove: [] });

  test("a new number of endpoints brings its chain, once", () => {
    const [first, second] = changes(set(a), { set: [port("10.96.0.2", [a])], remove: [] });
    assert.deepEqual(first, [
      "add chain of-1",
      "add rule",
      "add rule",
      "add by-picker 1",
      "add endpoints4 1",
      "add pickers4 1",
      "add self4 1",
    ]);
    assert.deepEqual(second, ["add endpoints4 1", "add pickers4 1"]);
  });

  test("replacing one of many endpoints replaces one element", () => {
    assert.deepEqual(changes(set(a, b, c), set(a, d, c))[1], [
      "delete endpoints4 1",
      "delete self4 1",
      "add endpoints4 1",
      "add self4 1",
    ]);
  });

  test("removing the first of three moves the last into its place", () => {
    assert.deepEqual(
      changes({ set: [port("10.96.0.9", [a, b])], remove: [] }, set(b, c, d), set(c, d)).at(-1),
      ["delete endpoints4 2", "delete pickers4 1", "add endpoints4 1", "add pickers4 1"],
    );
  });

  test("the same endpoints in another order send nothing", () => {
    assert.deepEqual(changes(set(a, b, c), set(c, a, b))[1], []);
  });

  test("the last endpoint's removal leaves nothing of the port", () => {
    assert.deepEqual(changes(set(a), set())[1], [
      "delete endpoints4 1",
      "delete pickers4 1",
      "delete self4 1",
    ]);
  });

  test("ports of addresses that may be others' are kept in a set of their own, with or without endpoints", () => {
    const outside = port("192.0.2.1", [], { type: "ExternalIP" });
    assert.deepEqual(
      changes(
        { set: [outside], remove: [] },
        { set: [{ ...outside, backends: [{ address: a, port: 1 }] }], remove: [] },
        { set: [], remove: [virtualPortKey(outside)] },
      ).map((lines) => lines.filter((line) => line.includes("outside"))),
      [["add outside4 1"], [], ["delete outside4 1"]],
    );
  });

  test("an address outside the ranges is a service's as a whole as long as it is the cluster IP of a port", () => {
    const [http, https] = [port("192.0.2.1", []), port("192.0.2.1", [], { port: 443 })];
    const external = { ...https, type: "ExternalIP" } as const;
    assert.deepEqual(
      changes(
        { set: [http, https, port("10.96.0.1", [])], remove: [] },
        { set: [], remove: [virtualPortKey(http)] },
        { set: [external], remove: [] },
        { set: [https], remove: [] },
        { set: [], remove: [virtualPortKey(https)] },
      ).map((lines) => lines.filter((line) => /outside|addresses/.test(line))),
      [
        ["add addresses4 1"],
        [],
        ["delete addresses4 1", "add outside4 1"],
        ["delete outside4 1", "add addresses4 1"],
        ["delete addresses4 1"],
      ],
    );
  });

  test("a port that is removed and set at once is changed", () => {
    const one = port("10.96.0.1", [a]);
    const again = { set: [port("10.96.0.1", [b])], remove: [virtualPortKey(one)] };
    assert.deepEqual(changes({ set: [one], remove: [] }, again)[1], [
      "delete endpoints4 1",
      "delete self4 1",
      "add endpoints4 1",
      "add self4 1",
    ]);
  });

  test("removing what is not there sends nothing", () => {
    assert.deepEqual(changes({ set: [], remove: ["10.96.0.1|TCP|80"] }), [[]]);
  });
});

describe("what cannot be programmed is refused before anything is sent", () => {
  const rows: [string, VirtualPort, RegExp][] = [
    ["an address that is none", port("10.96.0", []), /service default\/web is no IP address: "10\.96\.0"/],
    ["a leading zero", port("10.96.0.01", []), /is no IP address/],
    ["an endpoint of the other family", port("10.96.0.1", ["fd00::1"]), /fd00::1 .* is not an IPv4 address/],
    ["a port out of range", port("10.96.0.1", [], { port: 65_536 }), /must be 1 to 65535, not 65536/],
    ["an endpoint's port", port("10.96.0.1", [], { backends: [{ address: "10.0.0.1", port: 0 }] }), /not 0/],
    [
      "an unknown protocol",
      port("10.96.0.1", [], { protocol: "ICMP" as never }),
      /TCP, UDP or SCTP, not ICMP/,
    ],
    ["an endpoint twice", port("10.96.0.1", ["10.0.0.1", "10.0.0.1"]), /the same endpoint twice/],
  ];
  for (const [name, value, message] of rows)
    test(name, () => {
      const programmed = nothingProgrammed(RANGES);
      assert.throws(
        () => planDelta(programmed, { set: [value], remove: [] }),
        (error: unknown) => {
          assert.ok(error instanceof DataPlaneError);
          assert.match(error.message, message);
          return true;
        },
      );
      assert.equal(programmed.ports.size, 0);
    });

  test("a range that is none", () => {
    assert.throws(() => nothingProgrammed(["10.96.0.1/16"]), /not a CIDR range: "10\.96\.0\.1\/16"/);
  });
});

describe("elements of the ranges", () => {
  const show = (ranges: string[], version: 4 | 6): string[] =>
    rangeElements(nothingProgrammed(ranges).ranges, version).map(({ key, intervalEnd }) => {
      const text = version === 4 ? [...key].join(".") : Buffer.from(key).toString("hex");
      return intervalEnd === true ? `${text} end` : text;
    });

  test("each is its first address and the first one past it", () => {
    assert.deepEqual(show(["10.96.0.0/16", "fd96::/112"], 4), ["10.96.0.0", "10.97.0.0 end"]);
  });
  test("ranges that touch or overlap are one: the kernel refuses overlaps", () => {
    assert.deepEqual(show(["10.1.0.0/16", "10.0.0.0/16", "10.0.1.0/24"], 4), ["10.0.0.0", "10.2.0.0 end"]);
  });
  test("a range to the last address has no end", () => {
    assert.deepEqual(show(["240.0.0.0/4"], 4), ["240.0.0.0"]);
    assert.deepEqual(show(["::/0"], 6), ["0".repeat(32)]);
  });
});

/** A kernel's sets, that refuses as nf_tables does: what is not there is not deleted, what is there not added. */
class Sets {
  readonly elements = new Map<string, Map<string, string>>();

  execute(commands: readonly Command[]): void {
    for (const command of commands) {
      if (!("elements" in command)) continue;
      const set = this.#set(command.set.name);
      for (const element of command.elements) {
        const key = elementKey(element);
        assert.equal(set.has(key), command.op === "delete elements", `${command.op} ${command.set.name}`);
        if (command.op === "add elements") set.set(key, elementData(element));
        else set.delete(key);
      }
    }
  }

  #set(name: string): Map<string, string> {
    const set = this.elements.get(name) ?? new Map<string, string>();
    this.elements.set(name, set);
    return set;
  }
}

const someAddress = (version: 4 | 6): fc.Arbitrary<string> =>
  fc
    .integer({ min: 1, max: 6 })
    .map((last) => (version === 4 ? `10.0.0.${last}` : formatIp(ip(`fd00::${last}`))));

const someBackends = (version: 4 | 6): fc.Arbitrary<Backend[]> =>
  fc.uniqueArray(
    fc.record(
      {
        address: someAddress(version),
        port: fc.constantFrom(80, 8080),
        weight: fc.constantFrom(1, 2, 5),
        local: fc.boolean(),
      },
      { requiredKeys: ["address", "port"] },
    ),
    { maxLength: 6, selector: ({ address, port }) => `${address}|${port}` },
  );

const someChoice = (version: 4 | 6): fc.Arbitrary<Choice> =>
  fc.record(
    { backends: someBackends(version), whenEmpty: fc.constantFrom("refuse" as const, "drop" as const) },
    { requiredKeys: ["backends"] },
  );

const somePort: fc.Arbitrary<VirtualPort> = fc.constantFrom(4 as const, 6 as const).chain((version) =>
  fc
    .record(
      {
        address: fc.constantFrom(
          ...(version === 4
            ? ["10.96.0.1", "10.96.0.2", "192.0.2.1", "0.0.0.0"]
            : ["fd96::1", "fd96::2", "2001:db8::1", "::"]),
        ),
        protocol: fc.constantFrom("TCP" as const, "UDP" as const),
        port: fc.constantFrom(80, 443),
        backends: someBackends(version),
        whenEmpty: fc.constantFrom("refuse" as const, "drop" as const),
        external: someChoice(version),
        sourceRanges: fc.subarray(
          version === 4
            ? ["10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/16", "192.0.2.7/32", "0.0.0.0/0"]
            : ["fd00::/8", "2001:db8::/32", "fd00:1::/32", "::/0"],
        ),
        balance: fc.constantFrom(
          "random" as const,
          "round-robin" as const,
          "source" as const,
          "least-clients" as const,
        ),
        affinity: fc.constantFrom(10, 10_800),
        type: fc.constantFrom("ClusterIP" as const, "ExternalIP" as const),
      },
      { requiredKeys: ["address", "protocol", "port", "backends"] },
    )
    .map((value) => ({ service: "default/web", portName: "", ...value })),
);

/** The elements of a set as text; numbers of pickers, which depend on what was first, as the chains that have them. */
function texts(all: ReadonlyMap<string, ReadonlyMap<string, string>>, name: string): Map<string, string> {
  const set = all.get(name) ?? new Map<string, string>();
  if (!/^(pickers|external)/.test(name)) return new Map(set);
  return new Map([...set].map(([key, number]) => [key, all.get("by-picker")!.get(number) ?? "nothing"]));
}

test("any sequence of changes leads to the elements that programming the last table at once gives, but for the order of slots", () => {
  const delta = fc.record({
    set: fc.array(somePort, { maxLength: 4 }),
    remove: fc.array(somePort.map(virtualPortKey), { maxLength: 3 }),
  });
  const bySlot = new Set(["endpoints4", "endpoints6", "ids4", "ids6"]);
  fc.assert(
    fc.property(fc.array(delta, { maxLength: 12 }), (deltas) => {
      const programmed = nothingProgrammed(RANGES);
      const sets = new Sets();
      sets.execute(constantElements);
      const ports = new Map<string, VirtualPort>();
      for (const change of deltas) {
        const plan = planDelta(programmed, change);
        sets.execute(plan.commands);
        commitPlan(programmed, plan);
        for (const key of change.remove) ports.delete(key);
        for (const value of change.set) ports.set(virtualPortKey(value), value);
      }
      const { elements } = desiredState({ ports, ranges: RANGES }, [], undefined);
      const wanted = new Map(
        [...elements].map(([name, list]) => [
          name,
          new Map(list.map((element) => [elementKey(element), elementData(element)])),
        ]),
      );
      for (const name of wanted.keys()) {
        if (/^(ranges|by-picker)/.test(name)) continue;
        const [is, want] = [texts(sets.elements, name), texts(wanted, name)];
        if (bySlot.has(name)) {
          assert.deepEqual([...is.keys()].sort(), [...want.keys()].sort(), name);
          assert.deepEqual([...is.values()].sort(), [...want.values()].sort(), name);
        } else assert.deepEqual(is, want, name);
      }
      // Chains of one port's turns go with the port; others stay.
      const turns = (all: Iterable<string>): string[] => [...all].filter((text) => text.includes("in-turn"));
      assert.deepEqual(
        turns(sets.elements.get("by-picker")!.values()).sort(),
        turns(wanted.get("by-picker")!.values()).sort(),
      );
    }),
    { numRuns: 200 },
  );
});

test("what a restart reads back is what it wants, whatever was programmed before", () => {
  fc.assert(
    fc.property(fc.array(somePort, { maxLength: 8 }), fc.array(somePort, { maxLength: 4 }), (first, then) => {
      const kernel = new FakeKernel();
      const port = new FakePort(kernel);
      const table = (list: VirtualPort[]) => ({
        ports: new Map(list.map((one) => [virtualPortKey(one), one])),
        ranges: RANGES,
      });
      for (const list of [first, then, then]) {
        const state = readKernelState(port);
        const { commands } = reconcile(desiredState(table(list), [], state), state);
        if (commands.length > 0) port.commit(commands);
      }
      const state = readKernelState(port);
      const { commands, written } = reconcile(desiredState(table(then), [], state), state);
      assert.deepEqual([commands, written], [[], 0]);
    }),
    { numRuns: 100 },
  );
});
