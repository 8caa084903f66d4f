import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConnectionSource } from "../dataplane/connections/connection-source.ts";
import type { VirtualPort } from "../dataplane/table.ts";
import { virtualPortKey } from "../dataplane/table.ts";
import type { Connection } from "../net/conntrack/model.ts";
import type { Tenants } from "./svc-stats-source.ts";
import { createSvcStats } from "./svc-stats.ts";

const MINUTE = 60_000;
const VIP = Uint8Array.of(100, 1, 1, 3);
const CLIENT = Uint8Array.of(10, 1, 1, 9);
const tenants: Tenants = {
  ofAddress: (address) => (address === "10.1.1.9" ? "office" : undefined),
  nameOf: (namespace) => namespace.toUpperCase(),
};

/** A TCP connection of the client's to port 80 or a node port, of so many packets of 100 bytes each way. */
function connection(id: number, packets: number, destination = VIP, destinationPort = 80): Connection {
  const carried = { packets, bytes: packets * 100 };
  const provider = Uint8Array.of(10, 1, 1, 1);
  return {
    id,
    zone: 0,
    status: 0x20,
    original: { source: CLIENT, destination, protocol: 6, sourcePort: 1000 + id, destinationPort },
    reply: {
      source: provider,
      destination: CLIENT,
      protocol: 6,
      sourcePort: 8080,
      destinationPort: 1000 + id,
    },
    carried: { original: carried, reply: carried },
  } as Connection;
}

const port = (more: Partial<VirtualPort>): VirtualPort => ({
  service: "shop/web",
  portName: "",
  address: "100.1.1.3",
  protocol: "TCP",
  port: 80,
  backends: [],
  ...more,
});
const ports = new Map(
  [port({}), port({ type: "NodePort", address: "0.0.0.0", port: 30_080 })].map((one) => [
    virtualPortKey(one),
    one,
  ]),
);

/** What the kernel would tell, and how often it was opened and closed. */
function fakeKernel() {
  const kernel = {
    living: [] as Connection[],
    counts: true,
    opened: 0,
    closed: 0,
    end: (_one: Connection): void => undefined,
    open: (onEnd: (one: Connection) => void): Promise<ConnectionSource> => {
      kernel.opened++;
      kernel.end = onEnd;
      return Promise.resolve({
        hearEnds: () => undefined,
        visit: (visit) => Promise.resolve(kernel.living.forEach(visit)),
        hasCounters: () => kernel.counts,
        [Symbol.dispose]: () => void kernel.closed++,
      } satisfies ConnectionSource);
    },
  };
  return kernel;
}

test("ends are heard of from the first question until a quarter of an hour after the last", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 0 });
  const kernel = fakeKernel();
  using stats = createSvcStats({ table: () => ({ ports }), open: kernel.open, now: () => Date.now() });
  const { signal } = new AbortController();
  const bytes = async (): Promise<[since: string, bytes: number | undefined]> => {
    const { since, clients } = await stats.read(tenants, signal);
    return [since, clients["10.1.1.9"]?.PortStats.BytesIn];
  };
  t.mock.timers.tick(MINUTE);
  assert.equal(kernel.opened, 0);
  assert.deepEqual(await bytes(), ["1970-01-01T00:01:00.000Z", undefined]);
  kernel.end(connection(1, 3));
  // Each question keeps it going.
  for (let n = 0; n < 3; n++) {
    t.mock.timers.tick(14 * MINUTE);
    assert.deepEqual(await bytes(), ["1970-01-01T00:01:00.000Z", 300]);
  }
  assert.deepEqual([kernel.opened, kernel.closed], [1, 0]);
  t.mock.timers.tick(15 * MINUTE);
  assert.deepEqual([kernel.opened, kernel.closed], [1, 1]);
  kernel.living = [connection(2, 5)];
  assert.deepEqual(await bytes(), ["1970-01-01T00:58:00.000Z", 500], "it begins anew");
  assert.deepEqual([kernel.opened, kernel.closed], [2, 1]);
});

test("nobody listens to a kernel that does not count; the next question is tried again", async () => {
  const kernel = fakeKernel();
  kernel.counts = false;
  using stats = createSvcStats({ table: () => ({ ports }), open: kernel.open });
  const { signal } = new AbortController();
  await assert.rejects(stats.read(tenants, signal), /nf_conntrack_acct is 0/);
  assert.deepEqual([kernel.opened, kernel.closed], [1, 1]);
  kernel.counts = true;
  assert.deepEqual((await stats.read(tenants, signal)).clients, {});
  assert.deepEqual([kernel.opened, kernel.closed], [2, 1]);
});

test("a Service is found by its address, at a node's by address and port; tenants by their names", async () => {
  const kernel = fakeKernel();
  kernel.living = [connection(1, 1), connection(2, 2), connection(3, 4, Uint8Array.of(192, 0, 2, 1), 30_080)];
  using stats = createSvcStats({ table: () => ({ ports }), open: kernel.open });
  const { clients } = await stats.read(tenants, new AbortController().signal);
  const { VrfName, PortStats, SvcStats } = clients["10.1.1.9"]!;
  assert.deepEqual([VrfName, PortStats.PacketsIn], ["OFFICE", 7]);
  assert.deepEqual(
    Object.entries(SvcStats).map(([key, one]) => [key, one.ServiceVRF, one.SvcPort, one.SvcStats.PacketsOut]),
    [
      ["100.1.1.3", "SHOP", "80", 3],
      ["192.0.2.1:30080", "SHOP", "30080", 4],
    ],
  );
  assert.deepEqual(Object.keys(SvcStats["100.1.1.3"]!.Ports), ["80/TCP"]);
  assert.deepEqual(SvcStats["100.1.1.3"]!.ProvStats["10.1.1.1"], {
    ProviderIP: "10.1.1.1",
    ServiceIP: "100.1.1.3",
    ServiceVrf: "SHOP",
    PacketsIn: 3,
    BytesIn: 300,
    PacketsOut: 3,
    BytesOut: 300,
  });
});
