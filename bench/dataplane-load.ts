/**
 * 10,000 services of four endpoints: programmed at once into an empty kernel, against `nft -f` of the same elements;
 * verified by a restart with nothing changed; and what they take of the kernel's memory.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { nft, nftScript } from "../test/lab/nft.ts";
import {
  ascending,
  benchNetns,
  openDataPlane,
  percentile,
  requireRoot,
  servicePorts,
  tableOf,
} from "./lab-dataplane.ts";

requireRoot();

const SERVICES = 10_000;
const ENDPOINTS = 4;
const ROUNDS = 5;

/** Bytes in the kernel's caches that are accounted to whoever asked for them, elements of sets among them. */
function slabBytes(): number {
  let bytes = 0;
  for (const [, objects, size] of readFileSync("/proc/slabinfo", "utf8").matchAll(
    /^kmalloc-cg-\w+ +(\d+) +\d+ +(\d+)/gm,
  ))
    bytes += Number(objects) * Number(size);
  return bytes;
}

/** The kernel frees what was deleted a little later. */
async function settledSlabBytes(): Promise<number> {
  let bytes = slabBytes();
  for (let still = 0; still < 5;) {
    await delay(50);
    const now = slabBytes();
    still = now < bytes ? 0 : still + 1;
    bytes = Math.min(bytes, now);
  }
  return bytes;
}

function milliseconds(since: bigint): number {
  return Number(process.hrtime.bigint() - since) / 1e6;
}

const table = tableOf(servicePorts(SERVICES, ENDPOINTS));
const loads: number[] = [];
const restarts: number[] = [];
const nftLoads: number[] = [];
const slabs: number[] = [];
let objects = 0;
let listing = "";

for (let round = 0; round < ROUNDS; round++) {
  using netns = await benchNetns("load");
  let started = process.hrtime.bigint();
  {
    await using dataPlane = await openDataPlane(netns);
    await dataPlane.sync(table);
    loads.push(milliseconds(started));
  }
  started = process.hrtime.bigint();
  {
    await using restarted = await openDataPlane(netns);
    const { kept, written } = await restarted.sync(table);
    restarts.push(milliseconds(started));
    if (written > 0) throw new Error(`the restart wrote ${written} objects`);
    objects = kept;
    listing = nft(netns.name, "list table inet fairlead");
    const loaded = slabBytes();
    await restarted.cleanup();
    slabs.push(loaded - (await settledSlabBytes()));
  }
  using other = await benchNetns("nft");
  // The sets and maps with their elements, which are nearly everything; nft cannot read all rules back that it lists.
  const script = `${listing.slice(0, listing.indexOf("\tchain "))}}\n`.replace(
    /\tmap by-picker \{[^]*?\n\t\}\n/,
    "",
  );
  started = process.hrtime.bigint();
  nftScript(other.name, script);
  nftLoads.push(milliseconds(started));
}

const median = (values: number[]): number => percentile(ascending(values), 0.5);
const range = (values: number[]): string =>
  `${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)} ms`;
/** "target at most 600 ms", and whether it is missed. */
const wanted = (value: number, most: number, unit: string): string =>
  `target at most ${most} ${unit}${value > most ? ": MISSED" : ""}`;
const row = (what: string, values: number[], ...notes: string[]): void =>
  console.log(
    `${what.padEnd(36)} ${median(values).toFixed(0).padStart(5)} ms  (${range(values)})  ${notes.join(", ")}`,
  );

console.log(
  `${SERVICES} services of ${ENDPOINTS} endpoints, ${objects} objects in the kernel, ${ROUNDS} rounds`,
);
const share = (median(loads) / median(nftLoads)).toFixed(2);
row("opened and programmed, cold", loads, `${share} of nft -f`, wanted(median(loads), 600, "ms"));
row("nft -f of the same elements", nftLoads);
row(
  "opened and verified, 0 written",
  restarts,
  `${(median(restarts) / median(loads)).toFixed(2)} of programming`,
  wanted(median(restarts), 1000, "ms"),
);
const perThousand = median(slabs) / (SERVICES / 1000) / 2 ** 20;
console.log(
  `kernel memory for 1,000 services     ${perThousand.toFixed(2)} MiB (kmalloc-cg caches), ${wanted(perThousand, 2, "MiB")}`,
);
