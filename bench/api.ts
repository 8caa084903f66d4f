/**
 * The API over TLS, from another process, on the durable store: a list of 10,000 Services, one change told to 1,000
 * watches, and writes a second. Each beside the floor in the same run: node's HTTPS server sending the same bytes that
 * it has ready in memory, and commits straight to the store.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempDisposable } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { openSqliteStore } from "../src/store/sqlite/sqlite-store.ts";

const SERVICES = 10_000;
const WATCHES = 1000;
const CHANGES = 30;
const WRITERS = 64;
const SECONDS = 3;
const COLLECTION = "/api/v1/namespaces/default/services";

const child = spawn(process.execPath, [fileURLToPath(new URL("lab-api-server.ts", import.meta.url))], {
  stdio: ["pipe", "pipe", "inherit"],
});
const [line] = (await once(child.stdout, "data")) as [Buffer];
const { api, plain, kubeconfig } = JSON.parse(line.toString()) as Record<
  "api" | "plain" | "kubeconfig",
  string
>;
const config = parse(kubeconfig) as {
  users: { user: Record<string, string> }[];
  clusters: { cluster: Record<string, string> }[];
};
const decode = (text: string | undefined): string => Buffer.from(text!, "base64").toString();
const agent = new Agent({
  ca: decode(config.clusters[0]!.cluster["certificate-authority-data"]),
  cert: decode(config.users[0]!.user["client-certificate-data"]),
  key: decode(config.users[0]!.user["client-key-data"]),
  keepAlive: true,
  maxSockets: WATCHES + WRITERS + 8,
});

async function open(
  url: string,
  method = "GET",
  body?: string | Buffer,
  type = "application/json",
): Promise<IncomingMessage> {
  const headers =
    body === undefined ? {} : { "content-type": type, "content-length": Buffer.byteLength(body) };
  const request = httpsRequest(url, { method, agent, headers });
  request.end(body);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return response;
}

async function call(...args: Parameters<typeof open>): Promise<Buffer> {
  const response = await open(...args);
  const pieces: Buffer[] = [];
  for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
  const all = Buffer.concat(pieces);
  if (response.statusCode! >= 300) throw new Error(`${args.join(" ").slice(0, 200)}: ${all.toString()}`);
  return all;
}

const service = (name: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, labels: { app: name, tier: "web" } },
    spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
  });

const percentile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
const ms = (value: number): string => `${value.toFixed(1)} ms`;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

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

async function writes(): Promise<void> {
  await using directory = await mkdtempDisposable("/tmp/fairlead-bench-");
  await using store = await openSqliteStore({ dataDir: join(directory.path, "store") });
  const value = Buffer.from(service("x"));
  const floor = await rate(async (n) => store.commit([{ type: "put", key: `/x/${n}`, value }]));
  const plainRate = await rate(async () => call(`${plain}/`, "PUT", value));
  const ours = await rate(async (n) => call(api + COLLECTION, "POST", service(`w${n}`)));
  console.log(
    `creates a second, ${WRITERS} writers:  ${ours.toFixed(0)}  (bare HTTPS that stores nothing: ${plainRate.toFixed(0)}, ratio ${(ours / plainRate).toFixed(2)}; the store alone: ${floor.toFixed(0)})`,
  );
  await call(`${api}${COLLECTION}?labelSelector=tier`, "DELETE");
}

async function lists(): Promise<void> {
  for (let i = 0; i < SERVICES; i += WRITERS)
    await Promise.all(
      Array.from({ length: Math.min(WRITERS, SERVICES - i) }, async (_, k) =>
        call(api + COLLECTION, "POST", service(`s${i + k}`)),
      ),
    );
  const whole = await call(api + COLLECTION);
  await call(`${plain}/`, "PUT", whole);
  const took: number[] = [];
  const floor: number[] = [];
  for (let i = 0; i < 15; i++) {
    took.push(await timed(async () => call(api + COLLECTION)));
    floor.push(await timed(async () => call(`${plain}/`)));
  }
  const [ours, bare] = [percentile(ascending(took), 0.5), percentile(ascending(floor), 0.5)];
  console.log(
    `list of ${SERVICES} Services (${(whole.length / 1e6).toFixed(1)} MB):  ${ms(ours)}  (the same bytes from memory by bare HTTPS: ${ms(bare)}, ratio ${(ours / bare).toFixed(2)})`,
  );
}

/** Opens the streams; the returned function makes one change and tells how long each stream took to hear of it. */
async function listeners(url: string, change: () => Promise<unknown>): Promise<() => Promise<number[]>> {
  const heard: (() => void)[] = [];
  for (let i = 0; i < WATCHES; i += 50)
    await Promise.all(
      Array.from({ length: 50 }, async (_, k) => {
        const response = await open(url);
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

async function watches(): Promise<void> {
  const { metadata } = JSON.parse((await call(`${api}${COLLECTION}?limit=1`)).toString()) as {
    metadata: { resourceVersion: string };
  };
  let n = 0;
  const event = Buffer.from(
    `${JSON.stringify({ type: "MODIFIED", object: JSON.parse((await call(`${api}${COLLECTION}/s1`)).toString()) as object })}\n`,
  );
  const patch = async (): Promise<unknown> =>
    call(
      `${api}${COLLECTION}/s1`,
      "PATCH",
      `{"metadata":{"labels":{"n":"${n++}"}}}`,
      "application/merge-patch+json",
    );
  const ours = await listeners(
    `${api}${COLLECTION}?watch=1&resourceVersion=${metadata.resourceVersion}`,
    patch,
  );
  const bare = await listeners(`${plain}/stream`, async () => call(`${plain}/`, "POST", event));
  const times: [number[], number[]] = [[], []];
  for (let i = 0; i < CHANGES; i++) {
    times[0].push(...(await ours()));
    times[1].push(...(await bare()));
  }
  const [a, b] = times.map(ascending) as [number[], number[]];
  const show = (sorted: number[]): string =>
    `p50 ${ms(percentile(sorted, 0.5))}, p99 ${ms(percentile(sorted, 0.99))}`;
  console.log(
    `one change to ${WATCHES} watches, from the call:  ${show(a)}  (bare HTTPS, nothing stored: ${show(b)}, ratio of p99 ${(percentile(a, 0.99) / percentile(b, 0.99)).toFixed(2)})`,
  );
}

await writes();
await lists();
await watches();
agent.destroy();
child.stdin.end();
await once(child, "exit");
