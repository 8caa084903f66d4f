/**
 * The Service through which pods find the DNS server, and the EndpointSlices that say where on this node it listens.
 * Both are made, and made good when somebody changes or deletes them.
 */
import { ApiError } from "../api/api-error.ts";
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import { type EndpointSlice, MANAGED_BY_LABEL, SERVICE_NAME_LABEL } from "../api/endpointslice/type.ts";
import type { Kind } from "../api/kind.ts";
import type { KubeObject } from "../api/meta/type.ts";
import type { Network } from "../api/network/type.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { Service, ServicePort } from "../api/service/type.ts";
import { formatIp, type Ip } from "../base/ip.ts";
import { type Log, silentLog } from "../base/log.ts";
import { createWorkQueue } from "../base/workqueue.ts";
import type { Client } from "../client/client.ts";
import type { Informer } from "../client/informer.ts";
import { dnsAddresses, withDnsAddresses } from "./dns-addresses.ts";

/** Kubernetes' own name for it, whatever serves it: everybody looks for this one. */
export const DNS_SERVICE = { namespace: "kube-system", name: "kube-dns" } as const;
/** Of the Service and its slices, if they are ours. */
const MANAGER = "fairlead-dns";
const OURS_LABEL = "app.kubernetes.io/managed-by";

export interface DnsListener {
  readonly address: Ip;
  readonly port: number;
}

export interface DnsServiceOptions {
  readonly client: Client;
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  /** Containers on them find the DNS at an address of the network's own. Absent: the server has no such kind. */
  readonly networks?: Informer<Network>;
  readonly clusterIP: string;
  /** Where the server listens, at most one of each IP family, the Service's own first. */
  readonly listeners: readonly DnsListener[];
  readonly nodeName: string;
  readonly log?: Log;
  readonly signal: AbortSignal;
}

const FAMILIES = ["IPv4", "IPv6"] as const;

const PORTS: readonly ServicePort[] = [
  { name: "dns", protocol: "UDP", port: 53, targetPort: 53 },
  { name: "dns-tcp", protocol: "TCP", port: 53, targetPort: 53 },
];

/** Until the signal aborts. The informers are in step. Resolves `published` when both are as they should be, or left alone. */
export function publishDnsService(options: DnsServiceOptions): {
  readonly published: Promise<void>;
  readonly done: Promise<void>;
} {
  const { services, slices, signal, log = silentLog } = options;
  const published = Promise.withResolvers<void>();
  published.promise.catch(() => undefined);
  let mayReplace = true;
  const queue = createWorkQueue({
    name: "cluster DNS",
    log,
    signal,
    async work() {
      const isOurs = await putService(options, mayReplace);
      // From now on another address is somebody's decision.
      mayReplace = false;
      // Endpoints of ours would take a part of the questions that are for somebody else's pods.
      if (isOurs) for (const slice of wantedSlices(options)) await putSlice(options, slice);
      published.resolve();
    },
  });
  const add = (): void => queue.add("kube-dns");
  const isService = ({ metadata }: KubeObject): boolean =>
    metadata.namespace === DNS_SERVICE.namespace && metadata.name === DNS_SERVICE.name;
  const isSlice = ({ metadata }: KubeObject): boolean =>
    metadata.namespace === DNS_SERVICE.namespace && metadata.labels?.[MANAGED_BY_LABEL] === MANAGER;
  const follow = <T extends KubeObject>(
    informer: Informer<T>,
    isOurs: (object: KubeObject) => boolean,
  ): Disposable =>
    informer.addHandler({
      onUpdate: (object, old) => (isOurs(object) || isOurs(old)) && add(),
      onDelete: (object) => isOurs(object) && add(),
    });
  const handlers = [follow(services, isService), follow(slices, isSlice)];
  const { networks } = options;
  if (networks !== undefined) {
    const look = (): void => {
      // Of what is not listed yet nobody can say that it is gone.
      if (networks.hasSynced) add();
    };
    handlers.push(networks.addHandler({ onAdd: look, onUpdate: look, onDelete: look }));
    networks.synced.then(add, () => undefined);
  }
  add();
  const done = (async () => {
    if (!signal.aborted)
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    for (const handler of handlers) handler[Symbol.dispose]();
    await queue.idle();
    published.reject(signal.reason);
  })();
  return { published: published.promise, done };
}

/** Takes away what an earlier run published; a Service of somebody else's stays. */
export async function withdrawDnsService(client: Client): Promise<void> {
  const { namespace, name } = DNS_SERVICE;
  const service = await found(client.get(serviceKind, { namespace, name }));
  if (service?.metadata.labels?.[OURS_LABEL] === MANAGER)
    await found(client.delete(serviceKind, { namespace, name }));
  const labelSelector = `${MANAGED_BY_LABEL}=${MANAGER}`;
  const { items } = await client.list(endpointSliceKind, { namespace, labelSelector });
  for (const { metadata } of items)
    await found(client.delete(endpointSliceKind, { namespace, name: metadata.name ?? "" }));
}

/** Takes away what leads to the server of one node. The Service stays: other nodes may serve it. */
export async function withdrawDnsEndpoints(client: Client, nodeName: string): Promise<void> {
  for (const family of FAMILIES) {
    const name = sliceName(nodeName, family);
    await found(client.delete(endpointSliceKind, { namespace: DNS_SERVICE.namespace, name }));
  }
}

/** undefined instead of NotFound. */
async function found<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ApiError && error.reason === "NotFound") return undefined;
    throw error;
  }
}

/** False if the Service is somebody else's, and left alone. */
async function putService(options: DnsServiceOptions, mayReplace: boolean): Promise<boolean> {
  const { client, services, clusterIP, listeners, log = silentLog } = options;
  const { namespace, name } = DNS_SERVICE;
  let current = await found(client.get(serviceKind, { namespace, name }));
  if (current?.spec?.selector !== undefined) {
    log.warn(
      { selector: current.spec.selector },
      "the Service kube-dns selects pods: it is somebody else's, and left alone",
    );
    return false;
  }
  if (current !== undefined && current.spec?.clusterIP !== clusterIP) {
    if (!mayReplace) {
      log.warn(
        { clusterIP: current.spec?.clusterIP, wanted: clusterIP },
        "somebody gave the Service kube-dns another address",
      );
      return true;
    }
    // An address cannot be changed.
    await found(client.delete(serviceKind, { namespace, name }));
    services.forget(current);
    current = undefined;
  }
  const labels = {
    "k8s-app": "kube-dns",
    "kubernetes.io/cluster-service": "true",
    "kubernetes.io/name": "CoreDNS",
    [OURS_LABEL]: MANAGER,
  };
  const ports = structuredClone(PORTS) as ServicePort[];
  if (current === undefined) {
    const spec = { type: "ClusterIP" as const, clusterIP, ports };
    const ipFamilyPolicy = listeners.length > 1 ? ("PreferDualStack" as const) : ("SingleStack" as const);
    const metadata = { namespace, name, labels };
    try {
      services.observe(await client.create(serviceKind, { metadata, spec: { ...spec, ipFamilyPolicy } }));
      // Which IP families it has got, and so which addresses it may have, the answer says.
      return await putService(options, mayReplace);
    } catch (error) {
      // Another node was faster: what it made is looked at like any other.
      if (error instanceof ApiError && error.reason === "AlreadyExists")
        return putService(options, mayReplace);
      throw error;
    }
  }
  const { networks } = options;
  const addressed =
    networks?.hasSynced === true
      ? withDnsAddresses(current, dnsAddresses(networks.list().values()))
      : current;
  const { spec } = addressed;
  const isRight =
    addressed === current &&
    spec?.type === "ClusterIP" &&
    Object.entries(labels).every(([key, value]) => addressed.metadata.labels?.[key] === value) &&
    samePorts(spec.ports ?? [], ports);
  if (isRight) return true;
  const metadata = { ...addressed.metadata, labels: { ...addressed.metadata.labels, ...labels } };
  const { nodePort: _none, ...rest } = { nodePort: undefined, ...spec };
  services.observe(
    await client.update(serviceKind, { ...addressed, metadata, spec: { ...rest, type: "ClusterIP", ports } }),
  );
  return true;
}

function samePorts(a: readonly ServicePort[], b: readonly ServicePort[]): boolean {
  const text = (ports: readonly ServicePort[]): string =>
    ports.map(({ name, protocol, port, targetPort }) => [name, protocol, port, targetPort].join()).join(";");
  return text(a) === text(b);
}

/** A node's name may be as long as a slice's. */
function sliceName(nodeName: string, family: string): string {
  return `${DNS_SERVICE.name}-${nodeName.slice(0, 230)}-${family.toLowerCase()}`;
}

function wantedSlices({ listeners, nodeName }: DnsServiceOptions): EndpointSlice[] {
  return listeners.map(({ address, port }): EndpointSlice => {
    const family = FAMILIES[address.family === 4 ? 0 : 1];
    return {
      metadata: {
        namespace: DNS_SERVICE.namespace,
        name: sliceName(nodeName, family),
        labels: { [SERVICE_NAME_LABEL]: DNS_SERVICE.name, [MANAGED_BY_LABEL]: MANAGER },
      },
      addressType: family,
      // Every node asks its own server, and others only if it has none.
      endpoints: [
        {
          addresses: [formatIp(address)],
          conditions: { ready: true },
          nodeName,
          hints: { forNodes: [{ name: nodeName }] },
        },
      ],
      ports: [
        { name: "dns", protocol: "UDP", port },
        { name: "dns-tcp", protocol: "TCP", port },
      ],
    };
  });
}

async function putSlice({ client, slices }: DnsServiceOptions, wanted: EndpointSlice): Promise<void> {
  const { namespace = "", name = "" } = wanted.metadata;
  const current = await found(get(client, endpointSliceKind, namespace, name));
  if (current === undefined) {
    slices.observe(await client.create(endpointSliceKind, wanted));
    return;
  }
  const labels = { ...current.metadata.labels, ...wanted.metadata.labels };
  const next = {
    ...current,
    metadata: { ...current.metadata, labels },
    endpoints: wanted.endpoints,
    ports: wanted.ports!,
  };
  if (sliceText(current) === sliceText(next)) return;
  slices.observe(await client.update(endpointSliceKind, next));
}

function get<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  namespace: string,
  name: string,
): Promise<T> {
  return client.get(kind, { namespace, name });
}

/** What we say in a slice, in one order. */
function sliceText({ metadata, endpoints, ports = [] }: EndpointSlice): string {
  return JSON.stringify([
    metadata.labels?.[SERVICE_NAME_LABEL],
    metadata.labels?.[MANAGED_BY_LABEL],
    endpoints.map(({ addresses, conditions, nodeName, hints }) => [
      addresses,
      conditions?.ready,
      nodeName,
      hints?.forNodes?.map(({ name }) => name),
    ]),
    ports.map(({ name, protocol, port }) => [name, protocol, port]),
  ]);
}
