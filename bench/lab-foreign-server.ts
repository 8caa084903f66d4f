/**
 * An API server in a thread of its own that has many Services and says only what an agent asks at its start: lists in
 * pages and watches, with WatchList or without. Answers are made beforehand, so that the agent is what is measured.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parentPort, Worker, workerData } from "node:worker_threads";

export interface ForeignServer extends AsyncDisposable {
  readonly url: string;
  /** Bytes of both kinds in JSON. */
  readonly bytes: number;
}

interface Size {
  readonly services: number;
  readonly endpoints: number;
}

const VERSION = "1000000";

/** Names, addresses and ports as lab-dataplane.ts servicePorts has them, with what Kubernetes adds to such objects. */
function objects({ services, endpoints }: Size): Record<"services" | "endpointslices", object[]> {
  const meta = (name: string, index: number): object => ({
    name,
    namespace: "default",
    uid: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
    resourceVersion: String(1000 + index),
    creationTimestamp: "2026-01-01T00:00:00Z",
  });
  return {
    services: Array.from({ length: services }, (_, index) => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: meta(`s${index}`, index),
      spec: {
        type: "ClusterIP",
        selector: { app: `s${index}` },
        clusterIP: `10.96.${index >> 8}.${index & 255}`,
        clusterIPs: [`10.96.${index >> 8}.${index & 255}`],
        ipFamilies: ["IPv4"],
        ipFamilyPolicy: "SingleStack",
        sessionAffinity: "None",
        internalTrafficPolicy: "Cluster",
        ports: [{ protocol: "TCP", port: 80, targetPort: 8080 }],
      },
      status: { loadBalancer: {} },
    })),
    endpointslices: Array.from({ length: services }, (_, index) => ({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        ...meta(`s${index}-abcde`, services + index),
        generateName: `s${index}-`,
        labels: {
          "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
          "kubernetes.io/service-name": `s${index}`,
        },
        ownerReferences: [{ apiVersion: "v1", kind: "Service", name: `s${index}`, uid: `uid-${index}` }],
      },
      addressType: "IPv4",
      ports: [{ name: "", protocol: "TCP", port: 8080 }],
      endpoints: Array.from({ length: endpoints }, (_unused, n) => ({
        addresses: [`10.${n + 1}.${index >> 8}.${index & 255}`],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: `node-${n}`,
        targetRef: { kind: "Pod", namespace: "default", name: `s${index}-${n}`, uid: `pod-${index}-${n}` },
      })),
    })),
  };
}

function serve(size: Size): void {
  const made = Object.entries(objects(size)).map(
    ([plural, items]) => [plural, items.map((item) => JSON.stringify(item))] as const,
  );
  const kinds = new Map(made);
  const bytes = made.reduce((sum, [, items]) => sum + items.reduce((all, item) => all + item.length, 0), 0);
  const server = createServer((request, response) => {
    const url = new URL(request.url!, "http://server");
    const items = kinds.get(url.pathname.split("/").at(-1)!) ?? [];
    response.setHeader("content-type", "application/json");
    if (url.searchParams.get("watch") === "true") watch(url.searchParams, items, response);
    else list(url.searchParams, items, response);
  });
  server.listen(0, "127.0.0.1", () => {
    parentPort!.postMessage({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bytes });
  });
}

function list(query: URLSearchParams, items: readonly string[], response: ServerResponse): void {
  const from = Number(query.get("continue") ?? 0);
  const to = from + Number(query.get("limit") ?? items.length);
  const metadata = { resourceVersion: VERSION, ...(to < items.length && { continue: String(to) }) };
  response.end(`{"metadata":${JSON.stringify(metadata)},"items":[${items.slice(from, to).join()}]}`);
}

function watch(query: URLSearchParams, items: readonly string[], response: ServerResponse): void {
  response.flushHeaders();
  if (query.get("sendInitialEvents") !== "true") return;
  for (let at = 0; at < items.length; at += 100)
    response.write(
      items
        .slice(at, at + 100)
        .map((item) => `{"type":"ADDED","object":${item}}\n`)
        .join(""),
    );
  const end = { resourceVersion: VERSION, annotations: { "k8s.io/initial-events-end": "true" } };
  response.write(`{"type":"BOOKMARK","object":{"metadata":${JSON.stringify(end)}}}\n`);
}

if (parentPort !== null) serve(workerData as Size);

export async function foreignServer(size: Size): Promise<ForeignServer> {
  const worker = new Worker(new URL(import.meta.url), { workerData: size });
  const said = await new Promise<{ url: string; bytes: number }>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  return {
    ...said,
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}
