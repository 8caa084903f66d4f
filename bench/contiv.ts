/**
 * netmaster's REST beside the Kubernetes API that it is made of, over TLS from another process: lists of 1,000 services of four
 * providers, a service made and removed, and what each change costs the server while somebody watches 2,000 services.
 */
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { type Lab, ms, percentile, startLab } from "./lab-api-client.ts";

const PROVIDERS = 4;
const LISTED = Number(process.env["LISTED"] ?? 1000);
const WATCHED = 2000;
const ROUNDS = Number(process.env["ROUNDS"] ?? 15);
/** Changes a second, for so many seconds. */
const CHANGES = 100;
const SECONDS = Number(process.env["SECONDS_EACH"] ?? 5);
const CORE = "/api/v1/namespaces/default/services";

const median = (values: readonly number[]): number => percentile(values, 0.5);

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

{
  await using lab = await startLab(LISTED, 0, 16, PROVIDERS);
  const { api, call } = lab;
  const paths = {
    "Services of the Kubernetes API": "/api/v1/services",
    "its Services, EndpointSlices and Pods": "",
    serviceLBs: "/api/v1/serviceLBs/",
    "inspect/serviceLBs": "/api/v1/inspect/serviceLBs/",
  };
  const parts = ["/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices", "/api/v1/pods"];
  const times = new Map<string, number[]>();
  const stalls = new Map<string, number[]>();
  const sizes = new Map<string, number>();
  for (let round = -3; round < ROUNDS; round++)
    for (const [name, path] of Object.entries(paths)) {
      await lab.stall();
      let bytes = 0;
      const took = await timed(async () => {
        for (const one of path === "" ? parts : [path]) bytes += (await call(api + one)).length;
      });
      const stall = await lab.stall();
      if (round < 0) continue;
      sizes.set(name, bytes);
      times.set(name, [...(times.get(name) ?? []), took]);
      stalls.set(name, [...(stalls.get(name) ?? []), stall]);
    }
  const [core] = [...times.values()];
  console.log(`${LISTED} services of ${PROVIDERS} providers, medians of ${ROUNDS}:`);
  for (const [name, all] of times)
    console.log(
      `  ${name.padEnd(40)} ${ms(median(all)).padStart(9)}, ${(median(all) / median(core!)).toFixed(2)} of the first; ` +
        `${(sizes.get(name)! / 1e6).toFixed(1)} MB; the event loop held for ${ms(median(stalls.get(name)!))}`,
    );

  const makes: Record<"Kubernetes" | "netmaster", number[]> = { Kubernetes: [], netmaster: [] };
  for (let n = 0; n < 3 * ROUNDS; n++) {
    const [core, ours] = [`k${n}`, `m${n}`];
    const spec = { selector: { app: core }, ports: [{ name: "http", port: 80, targetPort: 8080 }] };
    const service = JSON.stringify({ apiVersion: "v1", kind: "Service", metadata: { name: core }, spec });
    const config = JSON.stringify({ selectors: [`app=${ours}`], ports: ["80:8080:TCP"] });
    makes.Kubernetes.push(await timed(() => call(api + CORE, "POST", { body: service })));
    makes.netmaster.push(
      await timed(() => call(`${api}/api/v1/serviceLBs/default:${ours}/`, "POST", { body: config })),
    );
  }
  const [theirs, own] = [makes.Kubernetes, makes.netmaster].map((all) => median(all.slice(ROUNDS)));
  console.log(
    `a service made by POST, durably: netmaster ${ms(own!)}, Kubernetes ${ms(theirs!)}, ratio ${(own! / theirs!).toFixed(2)}`,
  );
}

let made = 0;

/** Milliseconds of the server's processor for each of the changes, and how long its loop stood still. */
async function changes(
  lab: Lab,
  heard: () => number,
): Promise<{ cost: number; stall: number; told: number }> {
  const { api, call } = lab;
  const [cpu, before] = [await lab.cpu(), heard()];
  await lab.stall();
  const total = CHANGES * SECONDS;
  const started = performance.now();
  const pending: Promise<unknown>[] = [];
  for (let n = 0; n < total; n++) {
    const targetPort = 1 + (made++ % 60_000);
    const ports = [{ name: "http", port: 80, protocol: "TCP", targetPort }];
    const body = JSON.stringify({ spec: { ports } });
    pending.push(
      call(`${api}${CORE}/s${(n * 7) % WATCHED}`, "PATCH", { body, type: "application/merge-patch+json" }),
    );
    await delay(Math.max(0, started + ((n + 1) * 1000) / CHANGES - performance.now()));
  }
  await Promise.all(pending);
  const end = performance.now() + 2000;
  while (heard() - before < total && performance.now() < end) await delay(10);
  return { cost: ((await lab.cpu()) - cpu) / 1000 / total, stall: await lab.stall(), told: heard() - before };
}

{
  await using lab = await startLab(WATCHED, 0, 64, PROVIDERS);
  async function watch(path: string): Promise<{ lines: () => number; close: () => void }> {
    const response = await lab.open(lab.api + path);
    let lines = 0;
    response.on("data", (piece: Buffer) => {
      for (const byte of piece) if (byte === 10) lines++;
    });
    await once(response, "data");
    await delay(1500);
    return { lines: () => lines, close: () => response.destroy() };
  }
  const cases = {
    nobody: undefined,
    "Kubernetes' Services": "/api/v1/services?watch=true",
    serviceLBs: "/api/v1/serviceLBs/?watch=true",
  };
  for (let round = 0; round < 2; round++)
    for (const [name, path] of Object.entries(cases)) {
      const watcher = path === undefined ? undefined : await watch(path);
      const { cost, stall, told } = await changes(lab, watcher?.lines ?? (() => 0));
      watcher?.close();
      if (round > 0)
        console.log(
          `${CHANGES} changes/s among ${WATCHED} services watched by ${name}: ${cost.toFixed(2)} ms of the server's processor for each, ` +
            `${told} lines, the event loop held for at most ${ms(stall)}`,
        );
      await delay(500);
    }
}
