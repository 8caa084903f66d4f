/**
 * 1,000 informers that begin at once over 10,000 Services, as after a restart of the server: how long until each has its
 * WatchList, beside as many downloads of as many bytes from node's own HTTPS server; and the longest stall of the
 * server's event loop.
 */
import type { IncomingMessage } from "node:http";
import { ms, percentile, startLab } from "./lab-api-client.ts";

const SERVICES = 10_000;
const INFORMERS = 1000;
const COLLECTION = "/api/v1/services";
const QUERY = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
/** The bookmark that says that all is there. */
const END = "initial-events-end";

await using lab = await startLab(SERVICES, 0, 2 * INFORMERS + 16);
const { api, plain, call, open } = lab;

/** Opens as many connections as there will be informers: the handshakes are another matter. */
async function connect(url: string): Promise<void> {
  const held: IncomingMessage[] = [];
  while (held.length < INFORMERS)
    held.push(...(await Promise.all(Array.from({ length: 50 }, async () => open(url)))));
  for (const response of held) await response.resume().toArray();
}

/** Until the whole WatchList is there. */
async function informer(): Promise<void> {
  const response = await open(`${api}${COLLECTION}?${QUERY}`);
  let tail = "";
  for await (const piece of response as AsyncIterable<Buffer>) {
    tail = (tail + piece.toString("latin1", Math.max(0, piece.length - 400))).slice(-800);
    if (tail.includes(END)) return;
  }
  throw new Error("a watch ended before its beginning was whole");
}

async function download(): Promise<void> {
  for await (const _ of await open(`${plain}/`));
}

async function storm(what: string, one: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await lab.stall();
  const times = await Promise.all(
    Array.from({ length: INFORMERS }, async () => {
      await one();
      return performance.now() - start;
    }),
  );
  console.log(
    `${what}: the median is whole after ${ms(percentile(times, 0.5))}, the last after ${ms(percentile(times, 1))}; longest stall ${ms(await lab.stall())}`,
  );
  return percentile(times, 1);
}

const events = (await call(`${api}${COLLECTION}`)).length + SERVICES * '{"type":"ADDED","object":}'.length;
await call(`${plain}/`, "PUT", { body: Buffer.alloc(events, "x") });
await connect(`${api}/version`);
await connect(`${plain}/stall`);
const ours = await storm(`${INFORMERS} informers at once over ${SERVICES} Services`, informer);
const bare = await storm(`as many downloads of ${(events / 1e6).toFixed(1)} MB from bare HTTPS`, download);
console.log(`ratio of the last to bare HTTPS: ${(ours / bare).toFixed(2)}`);
