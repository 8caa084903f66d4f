/**
 * The other process of the benchmarks of the API: the real server on the real store, and beside it the least that could
 * do the same work: node's own HTTPS server that sends bytes it has in memory. Prints its addresses as one line of JSON.
 * Arguments: how many Services and EndpointSlices the store has at the start, and how many Pods each Service then gets, with
 * an EndpointSlice of its own. Contiv's paths are served, too.
 */
import { mkdtempDisposable } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { endpointSliceKind } from "../src/api/endpointslice/kind.ts";
import type { Kind } from "../src/api/kind.ts";
import type { KubeObject } from "../src/api/meta/type.ts";
import { podKind } from "../src/api/pod/kind.ts";
import { serviceKind } from "../src/api/service/kind.ts";
import { createContivApi } from "../src/contiv/rest.ts";
import { storeKey } from "../src/server/registry/keys.ts";
import { draftOf, encodeObject } from "../src/server/registry/stored-object.ts";
import { openPki } from "../src/server/security/pki.ts";
import { startServer } from "../src/server/start.ts";
import { openSqliteStore } from "../src/store/sqlite/sqlite-store.ts";

const [services = 0, slices = 0, providers = 0] = process.argv.slice(2).map(Number);

await using stack = new AsyncDisposableStack();
const directory = stack.use(await mkdtempDisposable("/tmp/fairlead-bench-"));
const store = await openSqliteStore({ dataDir: join(directory.path, "store") });
stack.use(store);
const before = memory();
await fill(serviceKind, services, (n) => ({
  metadata: metadata(`s${n}`, n),
  spec: {
    clusterIP: "None",
    clusterIPs: ["None"],
    selector: { app: `s${n}` },
    ports: [{ name: "http", port: 80, targetPort: 8080 }],
  },
}));
const afterServices = memory();
await fill(endpointSliceKind, slices, (n) => ({
  metadata: { ...metadata(`e${n}`, n), generateName: "e" },
  addressType: "IPv4" as const,
  endpoints: [{ addresses: [`10.1.${(n >> 8) & 255}.${n & 255}`], conditions: { ready: true } }],
  ports: [{ name: "http", port: 8080 }],
}));
const bytesEach = {
  services: (afterServices - before) / services,
  slices: (memory() - afterServices) / slices,
};
if (providers > 0) await fillProviders();
const server = await startServer({
  store,
  bind: { host: "127.0.0.1", port: 0 },
  dataDir: directory.path,
  guests: [createContivApi({ version: "bench" })],
});
stack.defer(async () => server.close());
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();

const pki = await openPki({ dataDir: directory.path, names: ["127.0.0.1"], now: Date.now() });
const streams = new Set<ServerResponse>();
let bytes = Buffer.alloc(0);
const plain = createServer(
  { key: pki.server.key, cert: pki.server.certificate, ca: pki.authority.certificate, requestCert: true },
  (request, response) => {
    if (request.url === "/stream") {
      streams.add(response);
      response.flushHeaders();
      return;
    }
    if (request.url === "/stall") {
      // The longest that the event loop stood still since this was asked last, milliseconds.
      response.end(String(delay.max / 1e6));
      delay.reset();
      return;
    }
    if (request.url === "/cpu") {
      const { user, system } = process.cpuUsage();
      response.end(String(user + system));
      return;
    }
    if (request.url === "/memory") {
      response.end(String(memory()));
      return;
    }
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => void pieces.push(piece));
    request.on("end", () => {
      if (request.method === "PUT") bytes = Buffer.concat(pieces);
      if (request.method === "POST") for (const stream of streams) stream.write(Buffer.concat(pieces));
      response.end(request.method === "GET" ? bytes : "");
    });
  },
);
await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
stack.defer(async () => {
  plain.closeAllConnections();
  await new Promise((resolve) => plain.close(resolve));
});
const { port } = plain.address() as AddressInfo;
process.stdout.write(
  `${JSON.stringify({ api: server.url, plain: `https://127.0.0.1:${port}`, kubeconfig: server.kubeconfig(), bytesEach })}\n`,
);
// Ends when the benchmark does.
for await (const _ of process.stdin);

/** Bytes in use after garbage collection. */
function memory(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function metadata(name: string, n: number): KubeObject["metadata"] {
  const uid = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  const labels = { app: name, tier: n % 10 === 0 ? "api" : "web" };
  return { name, namespace: "default", uid, creationTimestamp: "2026-01-02T03:04:05Z", labels };
}

/** Straight into the store, as the server would have written them. */
async function fill<T extends KubeObject>(
  kind: Kind<T>,
  count: number,
  make: (n: number) => object,
): Promise<void> {
  const BATCH = 500;
  for (let start = 0; start < count; start += BATCH) {
    const operations = Array.from({ length: Math.min(BATCH, count - start) }, (_, i) => {
      const object = draftOf(kind, make(start + i) as T);
      kind.setDefaults(object);
      const key = storeKey(kind, { namespace: "default", name: object.metadata.name! });
      return { type: "put" as const, key, value: encodeObject(kind, object) };
    });
    await store.commit(operations);
  }
}

async function fillProviders(): Promise<void> {
  const address = (n: number): string => `10.${2 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
  await fill(podKind, services * providers, (n) => {
    const service = `s${Math.floor(n / providers)}`;
    return {
      metadata: { ...metadata(`p${n}`, n), labels: { app: service } },
      spec: { nodeName: "n1", containers: [{ name: "c", image: "web" }] },
      status: {
        phase: "Running" as const,
        podIP: address(n),
        podIPs: [{ ip: address(n) }],
        conditions: [{ type: "Ready", status: "True" as const }],
      },
    };
  });
  await fill(endpointSliceKind, services, (n) => ({
    metadata: { ...metadata(`o${n}`, n), labels: { "kubernetes.io/service-name": `s${n}` } },
    addressType: "IPv4" as const,
    endpoints: Array.from({ length: providers }, (_, k) => ({
      addresses: [address(n * providers + k)],
      conditions: { ready: true },
      targetRef: { kind: "Pod", namespace: "default", name: `p${n * providers + k}` },
    })),
    ports: [{ name: "http", port: 8080 }],
  }));
}
