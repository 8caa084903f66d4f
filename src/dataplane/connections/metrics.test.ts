import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import { ip, ipBytes } from "../../base/ip.ts";
import { socketKey } from "../../net/conntrack/flow-reader.ts";
import { type VirtualPort, virtualPortKey } from "../table.ts";
import type { Flow } from "./accounting.ts";
import type { ConntrackTable } from "./conntrack-table.ts";
import { registerConnectionMetrics } from "./metrics.ts";

const NAMES = ["a", "b", "c", "d"] as const;

const ports = new Map(
  NAMES.map((name, n): VirtualPort => ({
    service: `shop/${name}`,
    portName: "",
    address: `10.96.0.${n}`,
    protocol: "TCP",
    port: 80,
    backends: [],
  })).map((port) => [virtualPortKey(port), port]),
);

function flow(id: number, service: (typeof NAMES)[number]): Flow {
  return {
    id,
    family: 4,
    protocol: "TCP",
    phase: "active",
    destination: socketKey(ipBytes(ip(`10.96.0.${NAMES.indexOf(service)}`)), "TCP", 80),
    destinationPort: 80,
    endpoint: socketKey(ipBytes(ip("10.1.0.1")), "TCP", 8080),
    hasCounters: true,
    packets: 2,
    bytes: 100 * id,
  };
}

/** Its flows are what the kernel would tell. */
function fakeTable(): ConntrackTable & { flows: Flow[]; looks: number; isOpen: boolean } {
  return {
    flows: [],
    looks: 0,
    isOpen: true,
    look(accounting) {
      this.looks++;
      accounting.begin();
      for (const one of this.flows) accounting.add(one);
      return Promise.resolve(accounting.end());
    },
    fill: () => ({ entries: 7, limit: 100 }),
    hasCounters: () => true,
    [Symbol.dispose]() {
      this.isOpen = false;
    },
  };
}

async function values(registry: Registry): Promise<string[]> {
  const lines = (await registry.metrics()).split("\n");
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.replace(/^fairlead_/, ""));
}

test("the first Services keep their names, and all others are one", async (t) => {
  t.mock.timers.enable({ apis: ["Date"] });
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const registry = new Registry();
  const table = fakeTable();
  {
    using _metrics = registerConnectionMetrics(registry, {
      table: () => ({ ports }),
      open: () => Promise.resolve(table),
      maxServices: 2,
    });
    table.flows = [flow(1, "b")];
    await registry.metrics();
    table.flows = [flow(1, "b"), flow(2, "a"), flow(3, "c"), flow(4, "d"), flow(5, "d")];
    now += 5000;
    assert.deepEqual(
      (await values(registry)).sort(),
      [
        "conntrack_entries 7",
        "conntrack_limit 100",
        ...['a"} 200', 'others"} 1200'].map((end) => service("bytes_total", end)),
        ...['a"} 0', 'b"} 0', 'others"} 0'].map((end) => service("connections_closed_total", end)),
        ...['a"} 1', 'b"} 0', 'others"} 3'].map((end) => service("connections_opened_total", end)),
        ...[
          'a",state="active"} 1',
          'a",state="opening"} 0',
          'b",state="active"} 1',
          'b",state="opening"} 0',
        ].map((end) => service("connections", end)),
        ...['others",state="active"} 3', 'others",state="opening"} 0'].map((end) =>
          service("connections", end),
        ),
        ...['a"} 2', 'others"} 6'].map((end) => service("packets_total", end)),
      ].sort(),
    );
    assert.equal(table.looks, 2, "one look for all metrics of a scrape");
    await values(registry);
    assert.equal(table.looks, 2, "nor one for who asks at once again");
    assert.ok(table.isOpen);
  }
  await Promise.resolve();
  assert.equal(table.isOpen, false);
});

function service(metric: string, end: string): string {
  return `service_${metric}{namespace="${end.startsWith("others") ? "" : "shop"}",service="${end}`;
}

test("a kernel that cannot be read leaves the other metrics, and is tried again", async (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const registry = new Registry();
  const table = fakeTable();
  let isBroken = true;
  using _metrics = registerConnectionMetrics(registry, {
    table: () => ({ ports }),
    open: () => (isBroken ? Promise.reject(new Error("no")) : Promise.resolve(table)),
  });
  assert.deepEqual(await values(registry), []);
  isBroken = false;
  now += 5000;
  table.flows = [flow(1, "a")];
  assert.ok((await values(registry)).includes("conntrack_entries 7"));
});
