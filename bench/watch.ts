/**
 * One change told to 1,000 watches over TLS, from another process: how long each takes to hear of it, as JSON and as
 * protobuf, beside node's own HTTPS server that writes the same bytes to as many streams. The time from the first to
 * hear of it leaves out the write itself, which is durable, and of which the bare server has nothing.
 */
import { ms, percentile, startLab } from "./lab-api-client.ts";

const WATCHES = 1000;
const CHANGES = 30;
const WARM_UP = 8;
const COLLECTION = "/api/v1/namespaces/default/services";

await using lab = await startLab(1000, 0, 3 * WATCHES + 16);
const { api, plain, call, open } = lab;

/** Opens the streams; the returned function makes one change and tells how long each stream took to hear of it. */
async function listeners(
  url: string,
  headers: Record<string, string>,
  change: () => Promise<unknown>,
): Promise<() => Promise<number[]>> {
  const heard: (() => void)[] = [];
  for (let i = 0; i < WATCHES; i += 50)
    await Promise.all(
      Array.from({ length: 50 }, async (_, k) => {
        const response = await open(url, "GET", undefined, headers);
        response.on("data", () => heard[i + k]?.());
      }),
    );
  return async () => {
    const start = performance.now();
    const all = Promise.all(
      Array.from({ length: WATCHES }, async (_, i) => {
        await new Promise<void>((resolve) => (heard[i] = resolve));
        return performance.now() - start;
      }),
    );
    await change();
    return all;
  };
}

const { metadata } = JSON.parse((await call(`${api}${COLLECTION}?limit=1`)).toString()) as {
  metadata: { resourceVersion: string };
};
let n = 0;
/** A Service of its own for each form, so that only the watches of that form hear of a change. */
const patch = (name: string) => async (): Promise<unknown> =>
  call(`${api}${COLLECTION}/${name}`, "PATCH", {
    body: `{"metadata":{"labels":{"n":"${n++}"}}}`,
    type: "application/merge-patch+json",
  });
const watchOf = (name: string): string =>
  `${api}${COLLECTION}?watch=1&resourceVersion=${metadata.resourceVersion}&fieldSelector=metadata.name%3D${name}`;
const object = JSON.parse((await call(`${api}${COLLECTION}/s1`)).toString()) as object;
const event = Buffer.from(`${JSON.stringify({ type: "MODIFIED", object })}\n`);

const forms: [name: string, run: () => Promise<number[]>][] = [
  ["JSON", await listeners(watchOf("s1"), { accept: "application/json" }, patch("s1"))],
  [
    "protobuf",
    await listeners(
      watchOf("s2"),
      { accept: "application/vnd.kubernetes.protobuf;stream=watch" },
      patch("s2"),
    ),
  ],
  ["bare", await listeners(`${plain}/stream`, {}, async () => call(`${plain}/`, "POST", { body: event }))],
];
const names = forms.map(([name]) => name);
const times = new Map(names.map((name) => [name, [] as number[]]));
/** Of each watch, from the first that heard of the same change. */
const spreads = new Map(names.map((name) => [name, [] as number[]]));
const stalls = new Map(names.map((name) => [name, [] as number[]]));
// Until everything has been compiled.
for (let i = 0; i < WARM_UP; i++) for (const [, run] of forms) await run();
for (let i = 0; i < CHANGES; i++)
  for (const [name, run] of forms) {
    await lab.stall();
    const heard = await run();
    const first = Math.min(...heard);
    times.get(name)!.push(...heard);
    spreads.get(name)!.push(...heard.map((time) => time - first));
    stalls.get(name)!.push(await lab.stall());
  }
function row(values: ReadonlyMap<string, readonly number[]>, name: string): string {
  const [half, most] = [0.5, 0.99].map((part) => percentile(values.get(name)!, part)) as [number, number];
  const bare = percentile(values.get("bare")!, 0.5);
  return `p50 ${ms(half)} (${(half / bare).toFixed(2)} of bare HTTPS), p99 ${ms(most)}`;
}
for (const name of names)
  console.log(
    `one change to ${WATCHES} watches, ${name}: ${row(times, name)}; from the first: ${row(spreads, name)}; longest stall p50 ${ms(percentile(stalls.get(name)!, 0.5))}, most ${ms(percentile(stalls.get(name)!, 1))}`,
  );
