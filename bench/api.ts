/**
 * Creates through the API over TLS, from another process, on the durable store, with one writer and with many; beside
 * the floor in the same run: node's HTTPS server that stores nothing, and commits straight to the store. Also what a
 * Service takes in memory, and how long the deletion of a namespace lasts; list.ts and watch.ts have the rest.
 *
 * Rates say as much about the machine's other work as about ours; the processor time of the server is steadier.
 */
import { mkdtempDisposable } from "node:fs/promises";
import { join } from "node:path";
import { openSqliteStore } from "../src/store/sqlite/sqlite-store.ts";
import { ms, percentile, startLab } from "./lab-api-client.ts";

const WRITERS = 64;
const SECONDS = 3;
/** Until the server's code is compiled. */
const WARM_UP_SECONDS = 2;
const GOING = 2000;

interface Figures {
  /** Each second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  /** Of the process that is written to, microseconds each. */
  readonly cpu: number;
  /** Of its event loop, milliseconds. */
  readonly stall: number;
}

await using lab = await startLab(0, 0, WRITERS + 8);
const { api, plain, call } = lab;
await using directory = await mkdtempDisposable("/tmp/fairlead-bench-");
await using store = await openSqliteStore({ dataDir: join(directory.path, "store") });

const service = (name: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, labels: { app: name, tier: "web" } },
    spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
  });

const collection = (namespace: string): string => `${api}/api/v1/namespaces/${namespace}/services`;
let names = 0;
const create = async (namespace: string): Promise<unknown> =>
  call(collection(namespace), "POST", { body: service(`w${names++}`) });

async function measure(
  writers: number,
  write: (n: number) => Promise<unknown>,
  cpu: () => Promise<number>,
  seconds = SECONDS,
): Promise<Figures> {
  const took: number[] = [];
  let next = 0;
  await lab.stall();
  const before = await cpu();
  const start = performance.now();
  const end = start + seconds * 1000;
  await Promise.all(
    Array.from({ length: writers }, async () => {
      for (let began = performance.now(); began < end; began = performance.now()) {
        await write(next++);
        took.push(performance.now() - began);
      }
    }),
  );
  const elapsed = performance.now() - start;
  const used = (await cpu()) - before;
  return {
    rate: (took.length / elapsed) * 1000,
    p50: percentile(took, 0.5),
    cpu: used / took.length,
    stall: await lab.stall(),
  };
}

async function own(): Promise<number> {
  const { user, system } = process.cpuUsage();
  return user + system;
}

const value = Buffer.from(service("x"));
const put = async (n: number): Promise<unknown> => store.commit([{ type: "put", key: `/x/${n}`, value }]);
const bare = async (): Promise<unknown> => call(`${plain}/`, "PUT", { body: value });
const ours = async (): Promise<unknown> => create("default");

await measure(WRITERS, bare, lab.cpu, 1);
await measure(WRITERS, ours, lab.cpu, WARM_UP_SECONDS);
for (const writers of [1, WRITERS]) {
  const floor = await measure(writers, bare, lab.cpu);
  const commits = await measure(writers, put, own);
  const creates = await measure(writers, ours, lab.cpu);
  const ratio = (of: (figures: Figures) => number, against: Figures): string =>
    `x${(of(creates) / of(against)).toFixed(2)}`;
  console.log(
    `creates, ${writers} writer${writers > 1 ? "s" : ""}: ${creates.rate.toFixed(0)}/s, p50 ${ms(creates.p50)}, ` +
      `${creates.cpu.toFixed(0)} µs of processor each; longest stall ${ms(creates.stall)}`,
  );
  console.log(
    `  of bare HTTPS that stores nothing: rate ${ratio(({ rate }) => rate, floor)}, p50 ${ratio(({ p50 }) => p50, floor)}, ` +
      `processor ${ratio(({ cpu }) => cpu, floor)} (${floor.cpu.toFixed(0)} µs); ` +
      `of the store alone: rate ${ratio(({ rate }) => rate, commits)}, processor ${ratio(({ cpu }) => cpu, commits)} (${commits.cpu.toFixed(0)} µs)`,
  );
}

const many = async (namespace: string, count: number): Promise<void> => {
  for (let made = 0; made < count; made += WRITERS)
    await Promise.all(Array.from({ length: Math.min(WRITERS, count - made) }, async () => create(namespace)));
};
const name = "going";
await call(`${api}/api/v1/namespaces`, "POST", { body: JSON.stringify({ metadata: { name } }) });
const before = await lab.memory();
await many(name, GOING);
const each = ((await lab.memory()) - before) / GOING;
const json = (await call(`${collection(name)}?limit=1`)).length;
console.log(
  `memory: ${each.toFixed(0)} bytes a Service, with its address (x${(each / json).toFixed(1)} of its JSON)`,
);
await lab.stall();
const start = performance.now();
await call(`${api}/api/v1/namespaces/${name}`, "DELETE");
while (
  (await call(`${api}/api/v1/namespaces?fieldSelector=metadata.name%3D${name}`)).includes(`"name":"${name}"`)
)
  await new Promise((resolve) => setTimeout(resolve, 10));
const gone = performance.now() - start;
const stall = await lab.stall();
const oneCommit = await measure(1, put, own, 1);
console.log(
  `a namespace of ${GOING} Services is gone after ${ms(gone)}: x${(gone / GOING / oneCommit.p50).toFixed(2)} of a commit each; ` +
    `longest stall ${ms(stall)}`,
);
