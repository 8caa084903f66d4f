/**
 * An agent that starts where nothing has changed: 10,000 Services of four endpoints from an API server over HTTP, read,
 * made into a table, and verified against the kernel without a write. Against the verification alone, and the two ways
 * to ask for what is there against each other.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { startAgent } from "../src/agent/agent.ts";
import { pause } from "../src/base/backoff.ts";
import { createHttpClient } from "../src/client/http.ts";
import {
  ascending,
  benchNetns,
  openDataPlane,
  percentile,
  requireRoot,
  servicePorts,
  tableOf,
} from "./lab-dataplane.ts";
import { foreignServer } from "./lab-foreign-server.ts";

requireRoot();

const SERVICES = 10_000;
const ENDPOINTS = 4;
const ROUNDS = 5;

await using server = await foreignServer({ services: SERVICES, endpoints: ENDPOINTS });
using netns = await benchNetns("restart");
const ranges = { ranges: ["10.96.0.0/16"] };

/** Milliseconds from the start of an agent to its first commit, and the longest time it kept the event loop. */
async function agentStart(watchList: boolean): Promise<{ took: number; stalled: number; written: number }> {
  await using dataPlane = await openDataPlane(netns);
  using client = createHttpClient({ server: server.url });
  const end = new AbortController();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const started = performance.now();
  const agent = startAgent({ client, dataPlane, nodeName: "node-9", ranges, watchList, signal: end.signal });
  const { written } = await agent.ready;
  const took = performance.now() - started;
  // A stall is counted by the first timer after it.
  await pause(50, end.signal);
  delay.disable();
  end.abort();
  await agent.done;
  return { took, stalled: delay.max / 1e6, written };
}

async function verification(): Promise<number> {
  const table = tableOf(servicePorts(SERVICES, ENDPOINTS));
  await using dataPlane = await openDataPlane(netns);
  const started = performance.now();
  await dataPlane.sync(table);
  return performance.now() - started;
}

const cold = await agentStart(true);
const rounds = {
  list: [] as number[],
  watchList: [] as number[],
  verify: [] as number[],
  stalled: [] as number[],
};
for (let round = 0; round < ROUNDS; round++) {
  rounds.verify.push(await verification());
  for (const way of ["list", "watchList"] as const) {
    const { took, stalled, written } = await agentStart(way === "watchList");
    if (written > 0) throw new Error(`the restart wrote ${written} objects`);
    rounds[way].push(took);
    rounds.stalled.push(stalled);
  }
}

const [list, watchList, verify, stalled] = [rounds.list, rounds.watchList, rounds.verify, rounds.stalled].map(
  ascending,
);
const median = (values: readonly number[]): number => percentile(values, 0.5);
const shown = (values: readonly number[]): string =>
  `${median(values).toFixed(0)} ms (${values[0]!.toFixed(0)} to ${values.at(-1)!.toFixed(0)})`;
console.log(`${SERVICES} Services of ${ENDPOINTS} endpoints, ${(server.bytes / 1e6).toFixed(1)} MB of JSON; medians of ${ROUNDS}
first start, into an empty kernel       ${cold.took.toFixed(0)} ms
restart, nothing written, by WatchList  ${shown(watchList!)}, ${(median(watchList!) / median(verify!)).toFixed(2)} of the verification alone
the same by lists in pages of 500       ${shown(list!)}, ${(median(list!) / median(watchList!)).toFixed(2)} of WatchList
verification alone, table given         ${shown(verify!)}
the event loop was held for at most     ${shown(stalled!)}`);
