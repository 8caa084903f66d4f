/**
 * What the agent's heap holds for each 1,000 services of four endpoints: the objects as an API server sends them (the
 * informers' caches), the tracker's table, and what the nftables data plane knows of the kernel. Beside it: the JSON
 * that these objects are. Needs root for the data plane's part. Run with --expose-gc, as `npm run bench` does.
 */
import type { EndpointSlice } from "../src/api/endpointslice/type.ts";
import type { Service } from "../src/api/service/type.ts";
import { createServiceTracker, type ServiceTracker } from "../src/dataplane/service-table.ts";
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

/** The objects of an answer, parsed as the client does. */
function parsed<T>(make: (n: number) => T, count: number): { objects: T[]; bytes: number } {
  const text = JSON.stringify(Array.from({ length: count }, (_, n) => make(n)));
  return { objects: JSON.parse(text) as T[], bytes: text.length };
}

function track(services: readonly Service[], slices: readonly EndpointSlice[]): ServiceTracker {
  const tracker = createServiceTracker({ node: { name: "node-0", zone: "zone-0" } });
  for (const object of services) tracker.setService(object);
  for (const object of slices) tracker.setSlice(object);
  tracker.take();
  return tracker;
}

// What is compiled and cached at first use is not the services'.
track(parsed(service, 500).objects, parsed(slice, 500).objects);

const empty = await heapBytes();
const services = parsed(service, SERVICES);
const slices = parsed(slice, SERVICES);
const wire = services.bytes + slices.bytes;
const withObjects = await heapBytes();
const tracker = track(services.objects, slices.objects);
const withTracker = await heapBytes();
using netns = await benchNetns("memory");
await using dataPlane = await openDataPlane(netns);
const idle = await heapBytes();
await dataPlane.sync({ ports: tracker.ports, ranges: ["10.96.0.0/16"] });
const withDataPlane = await heapBytes();

const each = (bytes: number): string => `${(bytes / 2 ** 20 / (SERVICES / 1000)).toFixed(2)} MiB`;
const total = withDataPlane - idle + withTracker - empty;
console.log(
  `heap for 1,000 services of ${ENDPOINTS} endpoints: ${each(total)}, ${(total / wire).toFixed(2)} of their JSON; ` +
    `target at most ${TARGET} MiB${total / 2 ** 20 / (SERVICES / 1000) <= TARGET ? "" : ": MISSED"}`,
);
console.log(
  `  objects ${each(withObjects - empty)}, tracker ${each(withTracker - withObjects)}, ` +
    `data plane ${each(withDataPlane - idle)} (JSON: ${each(wire)})`,
);
// Alive until here.
if (services.objects.length !== slices.objects.length) throw new Error("the objects are gone");
