import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { createFakeDataPlane, type FakeDataPlane } from "./fake/fake-data-plane.ts";
import { formatFate } from "./fake/packet-trace.ts";
import type { HostAddresses } from "./host-addresses.ts";
import { withHostPorts } from "./host-ports.ts";
import { type ServiceTable, type VirtualPort, virtualPortKey } from "./table.ts";

/** Also the address that the fake host has (fake/kernel.ts SIMPLE_HOST). */
const VIP = "192.0.2.1";
const WEB: VirtualPort = {
  service: "default/web",
  portName: "",
  address: VIP,
  protocol: "TCP",
  port: 80,
  backends: [{ address: "10.1.1.1", port: 8080, local: true }],
};

class Addresses implements HostAddresses {
  onChange: ((addresses: ReadonlySet<string>) => void) | undefined;
  readonly own = new Set<string>();

  has(address: string): boolean {
    return this.own.has(address);
  }

  [Symbol.dispose](): void {}

  /** Has the address, or has it no more. */
  toggle(address: string): void {
    if (!this.own.delete(address)) this.own.add(address);
    this.onChange?.(new Set([address]));
  }
}

function tableOf(...ports: readonly VirtualPort[]): ServiceTable {
  return { ranges: ["10.96.0.0/16"], ports: new Map(ports.map((port) => [virtualPortKey(port), port])) };
}

/** What becomes of the first packet of a connection from outside. */
let sourcePort = 40_000;
function send({ kernel }: FakeDataPlane, destinationPort: number): string {
  const packet = {
    protocol: "TCP",
    source: "11.1.1.1",
    sourcePort: sourcePort++,
    destination: VIP,
    destinationPort,
  } as const;
  const { fate } = kernel.send(packet, { from: "network", iif: "eth0" });
  return formatFate(fate).split(/,? from |, /)[0]!;
}

const SERVED = "10.1.1.1:8080 through eth0";
const REFUSED = /^rejected with tcp reset/;
const HOST = /^untranslated 192\.0\.2\.1:22 on this host$/;

test("what a Service does not serve on the host's own address stays the host's, and that is told once", async () => {
  const fake = createFakeDataPlane();
  const addresses = new Addresses();
  addresses.toggle(VIP);
  const told: string[] = [];
  const onShared = ({ service, address }: VirtualPort) => void told.push(`${service} ${address}`);
  await using plane = withHostPorts(fake, addresses, { onShared });
  const table = tableOf(WEB, { ...WEB, port: 443 });
  await plane.sync(table);
  assert.equal(send(fake, 80), SERVED);
  assert.match(send(fake, 22), HOST);
  await plane.sync(table);
  await plane.apply({ set: [{ ...WEB, backends: [] }], remove: [] });
  assert.match(send(fake, 80), REFUSED, "its own port is refused without endpoints");
  assert.match(send(fake, 22), HOST);
  assert.deepEqual(told, ["default/web 192.0.2.1"]);
  await plane.apply({ set: [], remove: [...table.ports.keys()] });
  await plane.apply({ set: [WEB], remove: [] });
  assert.match(send(fake, 22), HOST);
  assert.equal(told.length, 2, "another Service, if of the same name");
});

test("it follows addresses that the host gets and loses, whatever the table does meanwhile", async () => {
  const fake = createFakeDataPlane();
  const addresses = new Addresses();
  const told: string[] = [];
  await using plane = withHostPorts(fake, addresses, { onShared: ({ address }) => void told.push(address) });
  addresses.toggle("203.0.113.1");
  await plane.sync(tableOf(WEB));
  assert.match(send(fake, 22), REFUSED);
  addresses.toggle(VIP);
  await setImmediate();
  assert.match(send(fake, 22), HOST);
  assert.equal(send(fake, 80), SERVED);
  await plane.apply({ set: [{ ...WEB, port: 81 }], remove: [] });
  assert.match(send(fake, 22), HOST);
  addresses.toggle(VIP);
  await setImmediate();
  assert.match(send(fake, 22), REFUSED);
  assert.deepEqual([send(fake, 80), send(fake, 81)], [SERVED, SERVED]);
  addresses.toggle(VIP);
  await setImmediate();
  assert.deepEqual(told, [VIP, VIP]);
  await plane.cleanup();
  addresses.toggle(VIP);
  await setImmediate();
  assert.match(send(fake, 22), HOST, "nothing is programmed any more");
});

test("an external IP of the host's is none of its business", async () => {
  const fake = createFakeDataPlane();
  const addresses = new Addresses();
  addresses.toggle(VIP);
  const told: unknown[] = [];
  await using plane = withHostPorts(fake, addresses, { onShared: (port) => void told.push(port) });
  await plane.sync(tableOf({ ...WEB, type: "ExternalIP" }));
  assert.equal(send(fake, 80), SERVED);
  assert.match(send(fake, 22), HOST);
  assert.deepEqual(told, []);
});

test("of a range the host's ports stay closed, and it is told so", async () => {
  const fake = createFakeDataPlane();
  const addresses = new Addresses();
  addresses.toggle(VIP);
  const told: boolean[] = [];
  await using plane = withHostPorts(fake, addresses, { onShared: (_, inRange) => void told.push(inRange) });
  await plane.sync(tableOf(WEB));
  await plane.sync({ ...tableOf(), ranges: ["192.0.2.0/24"] });
  await plane.apply({ set: [{ ...WEB, service: "default/other" }], remove: [] });
  assert.match(send(fake, 22), REFUSED);
  assert.deepEqual(told, [false, true]);
});
