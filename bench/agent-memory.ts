/**
 * What the agent's heap holds for each 1,000 services of four endpoints: what its informers keep of the objects, the
 * table made of them, and what the nftables data plane knows of the kernel. Beside it: the objects whole, and their JSON. Needs root for the data plane's part. Run with --expose-gc, as `npm run bench` does.
 */
import type { EndpointSlice } from "../src/api/endpointslice/type.ts";
import type { Service } from "../src/api/service/type.ts";
import { serviceKind } from "../src/api/service/kind.ts";
import type { Client } from "../src/client/client.ts";
import type { DataPlane } from "../src/dataplane/dataplane.ts";
import { type Agent, startAgent } from "../src/agent/agent.ts";
import { benchNetns, openDataPlane, requireRoot } from "./lab-dataplane.ts";

requireRoot();

const SERVICES = 5000;
const ENDPOINTS = 4;
const TARGET = 4;

async function heapBytes(): Promise<number> {
  // Several times: what finalizers let go of is collected by the next.
  for (let i = 0; i < 4; i++) {
    globalThis.gc!();
    await new Promise(setImmediate);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** As kube-apiserver answers: with what every object of a real cluster carries. */
function service(n: number): Service {
  return {
    metadata: {
      name: `service-${n}`,
      namespace: `team-${n % 50}`,
      uid: `4f2c9a10-0000-4000-8000-${String(n).padStart(12, "0")}`,
      resourceVersion: String(100_000 + n),
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: { app: `service-${n}`, "app.kubernetes.io/managed-by": "Helm" },
    },
    spec: {
      clusterIP: `10.96.${n >> 8}.${n & 255}`,
      clusterIPs: [`10.96.${n >> 8}.${n & 255}`],
      type: "ClusterIP",
      selector: { app: `service-${n}` },
      ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: 8080 }],
      sessionAffinity: "None",
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      internalTrafficPolicy: "Cluster",
    },
    status: { loadBalancer: {} },
  };
}

function slice(n: number): EndpointSlice {
  const { name = "", namespace = "" } = service(n).metadata;
  return {
    metadata: {
      name: `${name}-abcde`,
      generateName: `${name}-`,
      namespace,
      uid: `4f2c9a10-0000-4000-9000-${String(n).padStart(12, "0")}`,
      resourceVersion: String(200_000 + n),
      generation: 3,
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: {
        app: name,
        "kubernetes.io/service-name": name,
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
      },
      annotations: { "endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:00Z" },
    },
    addressType: "IPv4",
    endpoints: Array.from({ length: ENDPOINTS }, (_, i) => ({
      addresses: [`10.${i + 1}.${n >> 8}.${n & 255}`],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${i}`,
      targetRef: { kind: "Pod", namespace, name: `${name}-${i}`, uid: `uid-${n}-${i}` },
      zone: `zone-${i % 3}`,
    })),
    ports: [{ name: "http", protocol: "TCP", port: 8080 }],
  };
}

const [serviceTexts, sliceTexts] = [service, slice].map((make) =>
  Array.from({ length: SERVICES }, (_, n) => JSON.stringify(make(n))),
) as [string[], string[]];

/** An API server's answers, parsed as the client does: what is read of them is all that stays. */
const server = {
  async list(kind: { readonly plural: string }) {
    const texts = kind.plural === serviceKind.plural ? serviceTexts : sliceTexts;
    return {
      metadata: { resourceVersion: "1000000" },
      items: texts.map((text) => JSON.parse(text) as unknown),
    };
  },
  async *watch(_kind: unknown, { signal }: { readonly signal: AbortSignal }) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    // Nothing happens.
    yield* [];
  },
} as unknown as Client;

/** Does nothing, and keeps nothing. */
const noDataPlane: DataPlane = {
  name: "none",
  sync: async () => ({ kept: 0, written: 0 }),
  apply: async () => {},
  cleanup: async () => {},
  [Symbol.asyncDispose]: async () => {},
};

async function agentOf(signal: AbortSignal): Promise<Agent> {
  const agent = startAgent({
    client: server,
    dataPlane: noDataPlane,
    nodeName: "node-0",
    ranges: { ranges: [] },
    signal,
  });
  await agent.ready;
  return agent;
}

// What is compiled and cached at first use is not the services'.
const first = new AbortController();
const warm = await agentOf(first.signal);
first.abort();
await warm.done;

const wire = [...serviceTexts, ...sliceTexts].reduce((sum, text) => sum + text.length, 0);
const end = new AbortController();
const before = await heapBytes();
const whole = [...serviceTexts, ...sliceTexts].map((text) => JSON.parse(text) as unknown);
const objects = (await heapBytes()) - before;
// Alive until here.
whole.length = 0;
const empty = await heapBytes();
const agent = await agentOf(end.signal);
const withAgent = await heapBytes();
using netns = await benchNetns("memory");
await using dataPlane = await openDataPlane(netns);
const idle = await heapBytes();
await dataPlane.sync({ ...agent.table(), ranges: ["10.96.0.0/16"] });
const withDataPlane = await heapBytes();

const each = (bytes: number): string => `${(bytes / 2 ** 20 / (SERVICES / 1000)).toFixed(2)} MiB`;
const total = withDataPlane - idle + withAgent - empty;
console.log(
  `heap for 1,000 services of ${ENDPOINTS} endpoints: ${each(total)}, ${(total / wire).toFixed(2)} of their JSON, ` +
    `${(total / objects).toFixed(2)} of the objects that it makes; ` +
    `target at most ${TARGET} MiB${total / 2 ** 20 / (SERVICES / 1000) <= TARGET ? "" : ": MISSED"}`,
);
console.log(
  `  informers and table ${each(withAgent - empty)}, data plane ${each(withDataPlane - idle)} (JSON ${each(wire)}, as objects ${each(objects)})`,
);
if (agent.services() !== SERVICES) throw new Error("the services are gone");
end.abort();
await agent.done;
