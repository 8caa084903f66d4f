/**
 * Lists over TLS from another process, beside node's own HTTPS server that sends the same bytes from memory; the longest
 * stall of the server's event loop in each; and what the objects cost in memory.
 */
import { ms, percentile, startLab } from "./lab-api-client.ts";

const SERVICES = 10_000;
const SLICES = 40_000;
const TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1";
const PROTOBUF = "application/vnd.kubernetes.protobuf";
const CORE = "/api/v1/services";
const DISCOVERY = "/apis/discovery.k8s.io/v1/endpointslices";

await using lab = await startLab(SERVICES, SLICES, 16);
const { api, plain, call } = lab;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function compare(what: string, path: string, runs: number, accept = "application/json"): Promise<void> {
  const headers = { accept };
  // The first after a start may have to parse what is stored.
  await lab.stall();
  const first = await timed(async () => call(api + path, "GET", undefined, headers));
  const body = await call(api + path, "GET", undefined, headers);
  const stalls = [await lab.stall()];
  await call(`${plain}/`, "PUT", { body });
  await lab.stall();
  const ours: number[] = [];
  const floor: number[] = [];
  for (let i = 0; i < runs; i++) {
    ours.push(await timed(async () => call(api + path, "GET", undefined, headers)));
    stalls.push(await lab.stall());
    floor.push(await timed(async () => call(`${plain}/`)));
    await lab.stall();
  }
  // The best of each: on a machine that does other things, the rest says more about those.
  const [a, b] = [percentile(ours, 0), percentile(floor, 0)];
  console.log(
    `${what} (${(body.length / 1e6).toFixed(1)} MB):  ${ms(a)}, first ${ms(first)}  (bare HTTPS, the same bytes from memory: ${ms(b)}, ratio ${(a / b).toFixed(2)}; longest stall of a run ${ms(percentile(stalls, 0.5))})`,
  );
}

const { services, slices } = lab.bytesEach;
console.log(
  `memory: ${services.toFixed(0)} bytes a Service of ${SERVICES}, ${slices.toFixed(0)} bytes an EndpointSlice of ${SLICES}`,
);
await compare(`list of ${SERVICES} Services`, CORE, 15);
await compare(`${SERVICES} Services as a Table`, CORE, 5, TABLE);
await compare(`${SERVICES} Services as protobuf`, CORE, 5, PROTOBUF);
await compare(`a tenth of ${SERVICES} Services by label`, `${CORE}?labelSelector=tier%3Dapi`, 5);
await compare(`list of ${SLICES} EndpointSlices`, DISCOVERY, 5);
await compare(`${SLICES} EndpointSlices as a Table`, DISCOVERY, 3, TABLE);
await compare(`a tenth of ${SLICES} EndpointSlices by label`, `${DISCOVERY}?labelSelector=tier%3Dapi`, 3);
