/**
 * Writes a second through the API over TLS, from another process, on the durable store; beside the floor in the same run:
 * node's HTTPS server that stores nothing, and commits straight to the store. list.ts and watch.ts have the rest.
 */
import { mkdtempDisposable } from "node:fs/promises";
import { join } from "node:path";
import { openSqliteStore } from "../src/store/sqlite/sqlite-store.ts";
import { startLab } from "./lab-api-client.ts";

const WRITERS = 64;
const SECONDS = 3;
const COLLECTION = "/api/v1/namespaces/default/services";

const service = (name: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, labels: { app: name, tier: "web" } },
    spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
  });

/** Runs `write` from many at once for some seconds; how many were done a second. */
async function rate(write: (n: number) => Promise<unknown>): Promise<number> {
  let done = 0;
  const end = performance.now() + SECONDS * 1000;
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      while (performance.now() < end) await write(done++);
    }),
  );
  return done / SECONDS;
}

await using lab = await startLab(0, 0, WRITERS + 8);
const { api, plain, call } = lab;
await using directory = await mkdtempDisposable("/tmp/fairlead-bench-");
await using store = await openSqliteStore({ dataDir: join(directory.path, "store") });
const value = Buffer.from(service("x"));
const floor = await rate(async (n) => store.commit([{ type: "put", key: `/x/${n}`, value }]));
const bare = await rate(async () => call(`${plain}/`, "PUT", { body: value }));
const ours = await rate(async (n) => call(api + COLLECTION, "POST", { body: service(`w${n}`) }));
console.log(
  `creates a second, ${WRITERS} writers:  ${ours.toFixed(0)}  (bare HTTPS that stores nothing: ${bare.toFixed(0)}, ratio ${(ours / bare).toFixed(2)}; the store alone: ${floor.toFixed(0)})`,
);
