/**
 * What others' changes cost a running data plane of 10,000 services of four endpoints: the time until a damage is
 * repaired, and for how long at most the event loop (DNS, API, health checks) was held, at rest and while endpoints
 * change. Against reading everything back in one turn.
 */
import { EventEmitter, once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { silentLog } from "../src/base/log.ts";
import { desiredState } from "../src/dataplane/nftables/desired-state.ts";
import { readKernelState } from "../src/dataplane/nftables/kernel-state.ts";
import { NetlinkPort } from "../src/dataplane/nftables/netlink-port.ts";
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import { reconcile } from "../src/dataplane/nftables/reconcile.ts";
import { setReference } from "../src/dataplane/nftables/sets.ts";
import type { VirtualPort } from "../src/dataplane/table.ts";
import { Family } from "../src/net/nftables/model.ts";
import { ascending, benchNetns, percentile, requireRoot, servicePorts, tableOf } from "./lab-dataplane.ts";

requireRoot();

const SERVICES = 10_000;
const ENDPOINTS = 4;
const ROUNDS = 5;

const ports = servicePorts(SERVICES, ENDPOINTS);
const table = tableOf(ports);
using netns = await benchNetns("repair");
using foreign = await NetlinkPort.open(netns.name);
const events = new EventEmitter();
const log = {
  ...silentLog,
  warn: (_: object, message: string) => void (message.endsWith("repaired") && events.emit("repaired")),
};
await using dataPlane = await createNftablesDataPlane({ netns: netns.name, log });
await dataPlane.sync(table);

/** 10.97.0.1 . tcp . 80, which nobody has, to a chain that there is. */
const added = { key: Uint8Array.of(10, 97, 0, 1, 6, 0, 0, 0, 0, 80, 0, 0), data: Uint8Array.of(3, 0, 0, 0) };
const others = { family: Family.inet, name: "others" } as const;

let index = 0;

/** Changes an endpoint of one service after the other. */
async function change(perSecond: number, signal: AbortSignal): Promise<void> {
  for (; !signal.aborted; index++) {
    const port = ports[index % SERVICES]!;
    const backend = { address: `10.200.${index & 255}.${(index >> 8) & 255}`, port: 8080 };
    const changed: VirtualPort = { ...port, backends: [...port.backends.slice(1), backend] };
    ports[index % SERVICES] = changed;
    await dataPlane.apply({ set: [changed], remove: [] });
    await delay(1000 / perSecond);
  }
}

/** Milliseconds until `work` is done, and the longest time for which nothing else was. */
async function measure(work: () => Promise<unknown>): Promise<{ took: number; held: number }> {
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  await delay(20);
  const started = performance.now();
  await work();
  const took = performance.now() - started;
  // A stall is counted by the first timer after it.
  await delay(20);
  loop.disable();
  return { took, held: loop.max / 1e6 };
}

async function row(what: string, perSecond: number, work: () => Promise<unknown>): Promise<void> {
  const end = new AbortController();
  const changing = perSecond === 0 ? Promise.resolve() : change(perSecond, end.signal);
  const took: number[] = [];
  const held: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const measured = await measure(work);
    took.push(measured.took);
    held.push(measured.held);
  }
  end.abort();
  await changing;
  const median = (values: readonly number[]): string =>
    percentile(ascending(values), 0.5).toFixed(0).padStart(5);
  const most = Math.max(...held);
  console.log(
    `${what.padEnd(56)}${median(took)} ms, event loop held for ${median(held)} ms (at most ${most.toFixed(0)})`,
  );
}

async function repair(): Promise<void> {
  // Nothing of the data plane's keeps the process alive.
  const deadline = setTimeout(() => events.emit("error", new Error("not repaired")), 10_000);
  const repaired = once(events, "repaired");
  foreign.commit([{ op: "add elements", set: setReference("pickers4", "map"), elements: [added] }]);
  await repaired;
  clearTimeout(deadline);
}

async function otherTable(): Promise<void> {
  foreign.commit([{ op: "add table", table: others }]);
  foreign.commit([{ op: "delete table", table: others }]);
  await delay(300);
}

console.log(`${SERVICES} services of ${ENDPOINTS} endpoints, medians of ${ROUNDS} rounds`);
await row("read back and compared in one turn", 0, async () => {
  const kernel = readKernelState(foreign);
  const { commands } = reconcile(desiredState(table, [], kernel), kernel);
  if (commands.length > 0) throw new Error("the kernel does not hold the table");
});
await row("an element is added by somebody else, until repaired", 0, repair);
await row("the same while 10 endpoints change in a second", 10, repair);
await row("the same while 100 endpoints change in a second", 100, repair);
await row("300 ms after a change of another table", 0, otherTable);
