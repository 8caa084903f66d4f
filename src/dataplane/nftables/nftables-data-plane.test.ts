/** What is read back in turns, while others and we ourselves go on changing it: on a fake kernel that gives parts as Linux does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NetlinkDumpInterruptedError } from "../../sys/netlink-error.ts";
import { FakePort } from "../fake/fake-port.ts";
import { FakeKernel } from "../fake/kernel.ts";
import type { VirtualPort } from "../table.ts";
import { virtualPortKey } from "../table.ts";
import { NftablesDataPlane } from "./nftables-data-plane.ts";
import { setReference } from "./sets.ts";
import { nextTurn } from "./turns.ts";

const PORTS: readonly VirtualPort[] = Array.from({ length: 8 }, (_, index) => ({
  service: `default/s${index}`,
  portName: "",
  address: `10.96.0.${index + 1}`,
  protocol: "TCP",
  port: 80,
  backends: [1, 2].map((n) => ({ address: `10.1.${n}.${index}`, port: 8080 })),
}));
const table = { ports: new Map(PORTS.map((port) => [virtualPortKey(port), port])), ranges: ["10.96.0.0/16"] };

/** Two elements in each turn of the event loop; of no use if anybody commits meanwhile. */
class SlowPort extends FakePort {
  readings = 0;
  interrupted = 0;

  override async visitElements(...[set, visit]: Parameters<FakePort["visitElements"]>): Promise<void> {
    this.readings++;
    const generation = this.generation();
    const elements = this.elements(set);
    for (let at = 0; at < elements.length; at += 2) {
      visit(elements.slice(at, at + 2));
      await nextTurn();
    }
    if (this.generation() === generation) return;
    this.interrupted++;
    throw new NetlinkDumpInterruptedError();
  }
}

function dataPlane(kernel: FakeKernel): { plane: NftablesDataPlane; port: SlowPort } {
  const port = new SlowPort(kernel);
  const parts = { kernel: port, watch: async (onChange: (what: string) => void) => port.watch(onChange) };
  return { plane: new NftablesDataPlane(parts), port };
}

const ENDPOINTS = setReference("endpoints4", "map");
const FOREIGN = { key: Uint8Array.of(10, 97, 0, 1, 6, 0, 0, 0, 0, 80, 0, 0, 0, 0, 0, 0) };
const ENDPOINT = Uint8Array.of(6, 6, 6, 6, 0, 66, 0, 0);

function isThere(kernel: FakeKernel): boolean {
  return kernel.elements(ENDPOINTS).some(({ key }) => Buffer.compare(key, FOREIGN.key) === 0);
}

function withBackend(index: number, address: string): VirtualPort {
  return { ...PORTS[index % PORTS.length]!, backends: [{ address, port: 9090 }] };
}

async function until(done: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!done()) {
    assert.ok(performance.now() < deadline, "not within 5 s");
    await nextTurn();
  }
}

test("changes that are asked for during the first sync are in force when they resolve", async () => {
  const kernel = new FakeKernel();
  {
    const first = dataPlane(kernel);
    await first.plane.sync(table);
    await first.plane[Symbol.asyncDispose]();
  }
  const { plane } = dataPlane(kernel);
  await using _ = plane;
  const syncing = plane.sync(table);
  await plane.apply({ set: [withBackend(0, "10.2.0.1")], remove: [] });
  await plane.apply({ set: [], remove: [virtualPortKey(PORTS[1]!)] });
  assert.equal((await syncing).written, 0);
  assert.equal(kernel.elements(ENDPOINTS).length, 2 * PORTS.length - 1 - 2);
});

test("changes go through at once while what somebody else did is looked for, and it is found under steady change", async () => {
  const kernel = new FakeKernel();
  const { plane, port } = dataPlane(kernel);
  await using _ = plane;
  await plane.sync(table);
  for (let round = 0; round < 3; round++) {
    kernel.commit([{ op: "add elements", set: ENDPOINTS, elements: [{ ...FOREIGN, data: ENDPOINT }] }]);
    let changes = 0;
    for (; isThere(kernel) && changes < 100_000; changes++) {
      const generation = kernel.generation();
      const applied = plane.apply({ set: [withBackend(changes, `10.2.1.${changes % 250}`)], remove: [] });
      assert.equal(kernel.generation(), generation + 1, "committed within the call");
      await applied;
      await nextTurn();
    }
    assert.ok(!isThere(kernel));
  }
  assert.ok(port.interrupted > 0, "none of the readings was overtaken: nothing was tested");
  const ports = new Map(table.ports);
  const { written } = await plane.sync({ ...table, ports });
  assert.ok(written > 0, "the changes were in force");
  assert.equal((await plane.sync({ ...table, ports })).written, 0);
});

test("an element that is missing, or says something else, is put right while others change", async () => {
  const kernel = new FakeKernel();
  const { plane } = dataPlane(kernel);
  await using _ = plane;
  await plane.sync(table);
  const text = (): string =>
    JSON.stringify(
      kernel
        .elements(ENDPOINTS)
        .map(({ key, data }) => Buffer.concat([key, data!]).toString("hex"))
        .filter((one) => !one.startsWith("0a600008"))
        .sort(),
    );
  const before = text();
  const [first, second] = kernel.elements(ENDPOINTS);
  for (const commands of [
    [{ op: "delete elements", set: ENDPOINTS, elements: [first!] }],
    [
      { op: "delete elements", set: ENDPOINTS, elements: [second!] },
      { op: "add elements", set: ENDPOINTS, elements: [{ key: second!.key, data: ENDPOINT }] },
    ],
  ] as const) {
    kernel.commit(commands);
    assert.notEqual(text(), before);
    let changes = 0;
    while (text() !== before && changes++ < 100_000) {
      await plane.apply({ set: [withBackend(7, `10.2.1.${changes % 250}`)], remove: [] });
      await nextTurn();
    }
    assert.equal(text(), before);
  }
});

test("a change of another table is not a reason to read anything", async () => {
  const kernel = new FakeKernel();
  const { plane, port } = dataPlane(kernel);
  await using _ = plane;
  await plane.sync(table);
  const { readings } = port;
  kernel.commit([{ op: "add table", table: { family: 1, name: "others" } }]);
  kernel.commit([{ op: "add elements", set: ENDPOINTS, elements: [{ ...FOREIGN, data: ENDPOINT }] }]);
  await until(() => !isThere(kernel));
  await until(() => port.readings > readings);
  const once = port.readings - readings;
  kernel.commit([{ op: "delete table", table: { family: 1, name: "others" } }]);
  await until(() => true);
  assert.equal(port.readings - readings, once);
});
