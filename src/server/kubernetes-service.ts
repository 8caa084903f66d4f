/** The Service `kubernetes` in `default`, through which pods find this server, and its endpoints (pkg/controlplane). */
import { ApiError } from "../api/api-error.ts";
import { endpointsKind } from "../api/endpoints/kind.ts";
import type { Endpoints } from "../api/endpoints/type.ts";
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import { type EndpointSlice, SERVICE_NAME_LABEL } from "../api/endpointslice/type.ts";
import type { Kind } from "../api/kind.ts";
import type { KubeObject } from "../api/meta/type.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { Service } from "../api/service/type.ts";
import { backoffDelay } from "../base/backoff.ts";
import { type Log, silentLog } from "../base/log.ts";
import { createWorkQueue } from "../base/workqueue.ts";
import type { Store, StoreEvent } from "../store/store.ts";
import type { CallContext } from "./registry.ts";
import type { OwnedRegistry } from "./registry/create-registry.ts";
import { ROOT, storeKey } from "./registry/keys.ts";
import type { Writer } from "./registry/writer.ts";

const SYSTEM: CallContext = { user: { name: "system:fairlead", groups: ["system:masters"] } };
const NAMESPACE = "default";
const NAME = "kubernetes";
const PORT_NAME = "https";

export interface KubernetesServiceOptions {
  /** The virtual address: the first of the primary service range. */
  readonly clusterIP: string;
  /** Where this server listens. */
  readonly host: string;
  readonly port: number;
  /** @default says nothing */
  readonly log?: Log;
}

/** Which of the three objects. */
type Part = "service" | "endpoints" | "slice";

const KEY = { namespace: NAMESPACE, name: NAME };
const PARTS: ReadonlyMap<string, Part> = new Map([
  [storeKey(serviceKind, KEY), "service"],
  [storeKey(endpointsKind, KEY), "endpoints"],
  [storeKey(endpointSliceKind, KEY), "slice"],
]);
/** Who goes on changing an object meets longer and longer pauses before it is changed back, in milliseconds. */
const CONTEST = { initial: 100, limit: 60_000, jitter: 0 };

/**
 * Makes them, or brings them up to date, and keeps them so until disposed: what somebody else deletes or changes is
 * made good.
 */
export async function publishKubernetesService(
  registry: OwnedRegistry,
  store: Store,
  options: KubernetesServiceOptions,
): Promise<AsyncDisposable> {
  const { log = silentLog } = options;
  await dropMoved(registry, options.clusterIP);
  const since = store.revision;
  for (const part of PARTS.values()) await publish(registry.writer, options, part);

  const abort = new AbortController();
  const work = async (part: string): Promise<void> => publish(registry.writer, options, part as Part);
  const queue = createWorkQueue({ name: "kubernetes service", work, log, signal: abort.signal });
  /** How often each was changed lately by somebody else, and when last. */
  const contests = new Map<Part, { count: number; at: number }>();
  const timers = new Set<NodeJS.Timeout>();
  const handle = (event: StoreEvent): void => {
    const part = PARTS.get(event.type === "put" ? event.entry.key : event.previous.key);
    if (part === undefined) return;
    const contest = contests.get(part) ?? { count: 0, at: 0 };
    const now = performance.now();
    contest.count = now - contest.at > CONTEST.limit ? 0 : contest.count + 1;
    contest.at = now;
    contests.set(part, contest);
    const wait = contest.count < 4 ? 0 : backoffDelay(contest.count - 3, CONTEST);
    const timer = setTimeout(() => {
      timers.delete(timer);
      queue.add(part);
    }, wait);
    timers.add(timer);
  };
  const watch = store.watch(ROOT, since);
  const run = async (): Promise<void> => {
    try {
      for await (const events of watch) for (const event of events) handle(event);
    } catch (err) {
      log.error({ err }, "the watch of the Service kubernetes has stopped; restart fairlead");
    }
  };
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      watch.close();
      await running;
      abort.abort();
      for (const timer of timers) clearTimeout(timer);
      await queue.idle();
    },
  };
}

/** Where the Service led at the end of the last run, if it was to this port; undefined if it is not there. */
export async function publishedHost(registry: OwnedRegistry, port: number): Promise<string | undefined> {
  try {
    const [subset] = (await registry.get(endpointsKind, KEY)).subsets ?? [];
    return subset?.ports?.[0]?.port === port ? subset.addresses?.[0]?.ip : undefined;
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return undefined;
    throw error;
  }
}

/** Makes one of the objects as it should be; nothing is written if it is. */
async function publish(writer: Writer, options: KubernetesServiceOptions, part: Part): Promise<void> {
  const { clusterIP, host, port } = options;
  const ports = [{ name: PORT_NAME, port, protocol: "TCP" as const }];
  switch (part) {
    case "service":
      return put(writer, serviceKind, serviceObject(clusterIP, port), (current, wanted) => {
        const spec = { ...current.spec, type: "ClusterIP" as const, ports: wanted.spec!.ports! };
        delete spec.selector;
        return { ...current, spec };
      });
    case "endpoints": {
      const endpoints: Endpoints = {
        // The slice is made here, not mirrored from this.
        metadata: { ...KEY, labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
        subsets: [{ addresses: [{ ip: host }], ports }],
      };
      return put(writer, endpointsKind, endpoints, (current, { subsets = [] }) => ({ ...current, subsets }));
    }
    case "slice": {
      const slice: EndpointSlice = {
        metadata: { ...KEY, labels: { [SERVICE_NAME_LABEL]: NAME } },
        addressType: host.includes(":") ? "IPv6" : "IPv4",
        endpoints: [{ addresses: [host], conditions: { ready: true } }],
        ports,
      };
      return put(writer, endpointSliceKind, slice, (current, wanted) => ({
        ...current,
        addressType: wanted.addressType,
        endpoints: wanted.endpoints,
        ports: wanted.ports!,
      }));
    }
  }
}

function serviceObject(clusterIP: string, port: number): Service {
  return {
    metadata: { ...KEY, labels: { component: "apiserver", provider: "kubernetes" } },
    spec: {
      type: "ClusterIP",
      clusterIP,
      ports: [{ name: PORT_NAME, protocol: "TCP", port: 443, targetPort: port }],
      sessionAffinity: "None",
    },
  };
}

/** The service range may be another one than at the last start; an address cannot be changed, so the Service is made anew. */
async function dropMoved(registry: OwnedRegistry, clusterIP: string): Promise<void> {
  const key = { namespace: NAMESPACE, name: NAME };
  const { items } = await registry.list(serviceKind, {
    namespace: NAMESPACE,
    fieldSelector: `metadata.name=${NAME}`,
  });
  const [existing] = items;
  if (existing !== undefined && existing.spec?.clusterIP !== clusterIP)
    await registry.delete(serviceKind, key, {}, SYSTEM);
}

/** Changes the object that is there, or creates it. Trusted: users may not name loopback addresses, we listen on one. */
async function put<T extends KubeObject>(
  writer: Writer,
  kind: Kind<T>,
  wanted: T,
  change: (current: T, wanted: T) => T,
): Promise<void> {
  const next = (current: T): T => {
    const changed = change(current, structuredClone(wanted));
    const { resourceVersion: _version, ...metadata } = current.metadata;
    return {
      ...changed,
      metadata: { ...metadata, labels: { ...metadata.labels, ...wanted.metadata.labels } },
    };
  };
  try {
    // First, because a second create would find its own virtual address taken before it finds its name taken.
    await writer.update(kind, KEY, next, { trusted: true }, SYSTEM);
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== "NotFound") throw error;
    await writer.create(kind, NAMESPACE, wanted, { trusted: true }, SYSTEM);
  }
}
