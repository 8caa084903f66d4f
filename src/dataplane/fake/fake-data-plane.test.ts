import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Command } from "../../net/nftables/model.ts";
import { Family } from "../../net/nftables/model.ts";
import { TABLE_NAME } from "../nftables/ruleset.ts";
import type { ServiceTable, VirtualPort } from "../table.ts";
import { virtualPortKey } from "../table.ts";
import { createFakeDataPlane } from "./fake-data-plane.ts";
import { FakeKernel } from "./kernel.ts";
import { formatFate } from "./packet-trace.ts";
import type { Packet } from "./packet.ts";

const WEB: VirtualPort = {
  service: "default/web",
  portName: "",
  address: "10.96.0.10",
  protocol: "UDP",
  port: 53,
  backends: [{ address: "10.1.1.4", port: 5353, local: true }],
};
const table: ServiceTable = { ports: new Map([[virtualPortKey(WEB), WEB]]), ranges: ["10.96.0.0/16"] };
const moved: VirtualPort = { ...WEB, backends: [{ address: "10.1.1.5", port: 5353, local: true }] };

const PACKET: Packet = {
  protocol: "UDP",
  source: "11.1.1.1",
  sourcePort: 40_000,
  destination: "10.96.0.10",
  destinationPort: 53,
};

function send(kernel: FakeKernel, packet: Packet = PACKET): string {
  return formatFate(kernel.send(packet, { from: "network", iif: "eth0" }).fate);
}

test("a synchronised table is what packets meet", async () => {
  await using plane = createFakeDataPlane();
  const report = await plane.sync(table);
  assert.ok(report.written > 0);
  assert.equal(send(plane.kernel), "10.1.1.4:5353 through eth0, from 11.1.1.1:40000");
  assert.match(
    send(plane.kernel, { ...PACKET, destinationPort: 54 }),
    /^rejected with icmp port-unreachable/,
  );
});

test("an endpoint with the address and port of a service is reached, and still refused to others", async () => {
  await using plane = createFakeDataPlane();
  const closed: VirtualPort = {
    ...WEB,
    service: "default/closed",
    address: "192.0.2.7",
    port: 5353,
    backends: [],
  };
  const inRange = { address: "10.96.0.77", port: 5353 };
  for (const endpoint of [inRange, { address: closed.address, port: closed.port }]) {
    const web = { ...WEB, backends: [{ ...endpoint, local: true }] };
    const ports = new Map([web, closed].map((port) => [virtualPortKey(port), port]));
    await plane.sync({ ...table, ports });
    const to = `${endpoint.address}:${endpoint.port}`;
    for (const sourcePort of [40_001, 40_001, 40_002])
      assert.equal(
        send(plane.kernel, { ...PACKET, sourcePort }),
        `${to} through eth0, from 11.1.1.1:${sourcePort}`,
      );
    const direct = { ...PACKET, sourcePort: 40_003, destination: endpoint.address, destinationPort: 5353 };
    assert.match(send(plane.kernel, direct), /^rejected/);
    const fromHost = { ...PACKET, source: "10.1.1.254", sourcePort: 40_004 };
    const { fate } = plane.kernel.send(fromHost, { from: "host" });
    assert.match(formatFate(fate), new RegExp(`^${to} `));
  }
});

test("a table whose filters do not let translated connections through is given the rules that do", async () => {
  await using plane = createFakeDataPlane();
  const { kernel } = plane;
  await plane.sync(table);
  await plane[Symbol.asyncDispose]();
  const filters = new Set(["filter-prerouting", "filter-output"]);
  const rules = kernel.rules(Family.inet, TABLE_NAME).filter((rule) => filters.has(rule.chain));
  const older = rules.filter(({ comment }) => comment?.startsWith("an endpoint may have") === true);
  assert.equal(older.length, 2);
  kernel.commit(older.map((rule) => ({ op: "delete rule", rule: { ...rule, handle: rule.handle! } })));
  await using next = createFakeDataPlane(kernel);
  // Everything from the missing rule on has another place.
  assert.equal((await next.sync(table)).written, 9);
  const repaired = kernel.rules(Family.inet, TABLE_NAME).filter((rule) => filters.has(rule.chain));
  assert.deepEqual(
    repaired.map(({ chain, comment }) => [chain, comment]),
    rules.map(({ chain, comment }) => [chain, comment]),
  );
});

test("a second data plane on the same kernel finds everything in place and writes nothing", async () => {
  await using first = createFakeDataPlane();
  await first.sync(table);
  await using second = createFakeDataPlane(first.kernel);
  assert.equal((await second.sync(table)).written, 0);
});

test("a UDP flow moves with its endpoint, and what nobody serves any more is refused", async () => {
  await using plane = createFakeDataPlane();
  await plane.sync(table);
  send(plane.kernel);
  await plane.apply({ set: [moved], remove: [] });
  assert.equal(send(plane.kernel), "10.1.1.5:5353 through eth0, from 11.1.1.1:40000");
  await plane.apply({ set: [], remove: [virtualPortKey(WEB)] });
  assert.match(send(plane.kernel), /^rejected/);
});

test("what somebody else changes in the table is repaired", async () => {
  await using plane = createFakeDataPlane();
  const { kernel } = plane;
  await plane.sync(table);
  kernel.commit([{ op: "delete table", table: { family: Family.inet, name: TABLE_NAME } }]);
  const deadline = AbortSignal.timeout(2000);
  while (kernel.tables(Family.inet).length === 0) {
    deadline.throwIfAborted();
    await setImmediate();
  }
  assert.equal(send(kernel), "10.1.1.4:5353 through eth0, from 11.1.1.1:40000");
});

test("bridges to masquerade can change while it runs, and only the difference is written", async () => {
  const masqueraded = "10.1.1.4:5353 through eth0, from 10.1.1.254:PORT";
  const plain = "10.1.1.4:5353 through eth0, from 11.1.1.1:PORT";
  let sourcePort = 41_000;
  const sent = (kernel: FakeKernel): string => {
    sourcePort++;
    return send(kernel, { ...PACKET, sourcePort }).replace(`:${sourcePort}`, ":PORT");
  };
  const kernel = new FakeKernel({
    interfaces: [{ name: "eth0", addresses: ["10.1.1.254/24"] }],
    routes: [{ to: "0.0.0.0/0", oif: "eth0" }],
  });
  await using plane = createFakeDataPlane(kernel);
  const commits: Command[][] = [];
  using _ = kernel.subscribe(({ commands }) => void commits.push([...commands]));

  await plane.setMasqueradeBridges([["eth0", "eth0"]]);
  assert.equal(commits.length, 0, "nothing is written before the first sync");
  await plane.sync(table);
  assert.equal(sent(kernel), masqueraded);

  commits.length = 0;
  const pairs = [
    ["eth0", "eth0"],
    ["br-1", "br-1"],
    ["br-1", "br-1"],
  ] as const;
  await plane.setMasqueradeBridges(pairs);
  await plane.setMasqueradeBridges(pairs.toReversed());
  assert.deepEqual(
    commits.flat().map((command) => [command.op, "elements" in command && command.elements.length]),
    [["add elements", 1]],
  );
  await plane.setMasqueradeBridges([["br-1", "br-1"]]);
  assert.equal(commits.length, 2);
  assert.equal(sent(kernel), plain);

  await assert.rejects(plane.setMasqueradeBridges([["eth0", "an-interface-name"]]), RangeError);
  assert.equal((await plane.sync(table)).written, 0, "what was refused is not remembered");

  // The set is not what it was: all is read back.
  kernel.commit([{ op: "delete table", table: { family: Family.inet, name: TABLE_NAME } }]);
  await plane.setMasqueradeBridges([["eth0", "eth0"]]);
  assert.equal(sent(kernel), masqueraded);
  await plane.cleanup();
  await plane.setMasqueradeBridges([]);
  assert.deepEqual(kernel.tables(Family.inet), []);
  await plane.sync(table);
  assert.equal(sent(kernel), plain);
});

test("cleaned up, the kernel is empty", async () => {
  await using plane = createFakeDataPlane();
  await plane.sync(table);
  await plane.cleanup();
  assert.deepEqual(plane.kernel.tables(Family.inet), []);
});
