/** Sets that packets fill, elements that end in time, and the intervals of concatenations. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ip, ipBytes } from "../../base/ip.ts";
import { field, hostBytes, lookup, reg, verdict } from "../../net/nftables/expressions.ts";
import type { Command, Expression, SetDefinition } from "../../net/nftables/model.ts";
import { Family, Hook } from "../../net/nftables/model.ts";
import { FakeKernel } from "./kernel.ts";
import type { Packet } from "./packet.ts";

const T = { family: Family.inet, table: "t" } as const;
const CLIENTS: SetDefinition = {
  ...T,
  name: "clients",
  kind: "map",
  keyTypes: ["ipv4_addr"],
  keyLength: 4,
  dataTypes: ["mark"],
  dataLength: 4,
  flags: { dynamic: true, timeout: true },
  size: 2,
  timeout: 1000,
};
const BOXES: SetDefinition = {
  ...T,
  name: "boxes",
  kind: "set",
  keyTypes: ["ipv4_addr", "inet_service"],
  keyLength: 8,
  flags: { interval: true },
};

function kernelWith(rules: readonly (readonly Expression[])[], now?: () => number): FakeKernel {
  const kernel = new FakeKernel(undefined, now);
  kernel.commit([
    { op: "add table", table: { family: Family.inet, name: "t" } },
    { op: "add set", set: CLIENTS },
    { op: "add set", set: BOXES },
    {
      op: "add chain",
      chain: {
        ...T,
        name: "c",
        base: { type: "filter", hook: Hook.prerouting, priority: 0, policy: "accept" },
      },
    },
    ...rules.map((expressions): Command => ({ op: "add rule", rule: { ...T, chain: "c", expressions } })),
  ]);
  return kernel;
}

function from(source: string, destinationPort = 80): Packet {
  return { protocol: "TCP", source, sourcePort: 1, destination: "203.0.113.5", destinationPort };
}

function fate(kernel: FakeKernel, packet: Packet): string {
  return kernel.send(packet, { from: "network", iif: "eth0" }).fate.kind;
}

/** Remembers the client with a number, if it can; who is remembered with 7 is dropped after that. */
function remember(op: "add" | "update" | "delete", number: number, timeout?: number): Expression[] {
  return [
    field("ip saddr", reg(0)),
    { type: "immediate", dreg: reg(1), value: hostBytes(number) },
    {
      type: "dynset",
      op,
      set: "clients",
      keySreg: reg(0),
      dataSreg: reg(1),
      ...(timeout === undefined ? {} : { timeout }),
    },
  ];
}

const isKnown: Expression[] = [field("ip saddr", reg(0)), lookup("clients", reg(0), reg(1)), verdict("drop")];

test("a packet is remembered for what comes after it, and forgotten in time", () => {
  let now = 0;
  const kernel = kernelWith([isKnown, remember("add", 7)], () => now);
  assert.deepEqual(
    [fate(kernel, from("11.1.1.1")), fate(kernel, from("11.1.1.1"))],
    ["delivered", "dropped"],
  );
  now = 400;
  assert.deepEqual(kernel.elements(CLIENTS), [
    { key: ipBytes(ip("11.1.1.1")), data: hostBytes(7), expiration: 600 },
  ]);
  now = 1000;
  assert.deepEqual(kernel.elements(CLIENTS), []);
  assert.equal(fate(kernel, from("11.1.1.1")), "delivered");
});

test("an update gives the element its time again, an add does not; neither changes its data", () => {
  let now = 0;
  for (const [op, left] of [
    ["add", 500],
    ["update", 5000],
  ] as const) {
    now = 0;
    const kernel = kernelWith([remember(op, 1, 5000), remember(op, 2, 1000)], () => now);
    fate(kernel, from("11.1.1.1"));
    // Within one packet, too, what an earlier rule did counts.
    const [element] = kernel.elements(CLIENTS);
    assert.deepEqual([element!.data, element!.timeout], [hostBytes(1), 5000]);
    now = 4500;
    if (op === "update") fate(kernel, from("11.1.1.1"));
    const again = kernel.elements(CLIENTS)[0];
    assert.equal(op === "add" ? again?.expiration : again?.timeout, left);
  }
});

test("a full set takes no more: the rule ends there; what is deleted makes room", () => {
  const full = kernelWith([[...remember("add", 1), verdict("drop")]]);
  const fates = ["11.1.1.1", "11.1.1.2", "11.1.1.3", "11.1.1.1"].map((source) => fate(full, from(source)));
  assert.deepEqual(fates, ["dropped", "dropped", "delivered", "dropped"]);
  const replaced = kernelWith([[...remember("delete", 1), ...remember("add", 2)]]);
  for (const source of ["11.1.1.1", "11.1.1.1", "11.1.1.2"]) fate(replaced, from(source));
  assert.equal(replaced.elements(CLIENTS).length, 2);
});

function box(
  first: string,
  last: string,
  [low, high]: [number, number],
): { key: Uint8Array; keyEnd: Uint8Array } {
  const corner = (address: string, port: number): Uint8Array =>
    Uint8Array.of(...ipBytes(ip(address)), port >>> 8, port, 0, 0);
  return { key: corner(first, low), keyEnd: corner(last, high) };
}

test("a box holds what is between its corners in every part", () => {
  const kernel = kernelWith([
    [field("ip saddr", reg(0)), field("th dport", reg(1)), lookup("boxes", reg(0)), verdict("drop")],
  ]);
  const add = (...elements: ReturnType<typeof box>[]): void =>
    kernel.commit([{ op: "add elements", set: BOXES, elements }]);
  add(box("11.1.1.0", "11.1.1.9", [80, 90]), box("12.0.0.0", "12.0.0.255", [0, 65_535]));
  const inside = [from("11.1.1.0"), from("11.1.1.9", 90), from("12.0.0.7", 5)].map((one) =>
    fate(kernel, one),
  );
  assert.deepEqual(inside, ["dropped", "dropped", "dropped"]);
  const outside = [from("11.1.1.10"), from("11.1.1.5", 91), from("12.0.1.0")].map((one) => fate(kernel, one));
  assert.deepEqual(outside, ["delivered", "delivered", "delivered"]);
  const isCode = (code: string) => (error: { code?: string }) => error.code === code;
  assert.throws(() => add(box("11.1.1.5", "11.1.1.20", [85, 85])), isCode("EEXIST"));
  assert.throws(() => add(box("13.0.0.9", "13.0.0.1", [1, 1])), isCode("EINVAL"));
});
