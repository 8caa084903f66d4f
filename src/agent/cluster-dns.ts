/**
 * DNS for the pods of one node: the cluster's names kept true by informers, the server where pods reach it, and the
 * Service that leads there.
 */
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import { type EndpointSlice, TRIGGER_TIME_ANNOTATION } from "../api/endpointslice/type.ts";
import type { KubeObject } from "../api/meta/type.ts";
import { namespaceKind } from "../api/namespace/kind.ts";
import { networkKind } from "../api/network/kind.ts";
import type { Network } from "../api/network/type.ts";
import { podKind } from "../api/pod/kind.ts";
import type { Pod } from "../api/pod/type.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { Service } from "../api/service/type.ts";
import type { Cidr } from "../base/ip.ts";
import { cidrContains, formatIp, type Ip, ip, parseIp } from "../base/ip.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Client } from "../client/client.ts";
import { type Informer, startInformer } from "../client/informer.ts";
import { AnswerCache } from "../dns/answer-cache.ts";
import { BareNames } from "../dns/bare-names.ts";
import { ClusterZone } from "../dns/cluster-zone.ts";
import { Forwarder } from "../dns/forwarder.ts";
import { DnsMetrics } from "../dns/metrics.ts";
import { resolvConf, type ServerAddress, type Upstreams } from "../dns/resolv-conf.ts";
import { Responder } from "../dns/responder.ts";
import { type DnsServer, startDnsServer } from "../dns/server.ts";
import { isHeadless } from "../dns/service-records.ts";
import { createUpstream } from "../dns/upstream.ts";
import { RouteSocket } from "../net/rtnetlink/route-socket.ts";
import type { Registry } from "prom-client";
import { openDnsClients, readHostNetworks } from "./dns-clients.ts";
import {
  neededOfNamespace,
  neededOfNetwork,
  neededOfPod,
  neededOfService,
  neededOfSlice,
} from "./dns-needed-fields.ts";
import { DNS_SERVICE, publishDnsService } from "./dns-service.ts";

const RESOLV_CONF = "/etc/resolv.conf";
const DNS_PORT = 53;
/** Where it listens if it may not, or need not, listen on 53. */
const OTHER_PORT = 10_053;

export interface ClusterDnsOptions {
  /** Of the Service kube-dns. */
  readonly clusterIP: string;
  readonly domain: string;
  /** Seconds. @default {5} */
  readonly ttl?: number;
  readonly nodeName: string;
  /** Where pods and their bridges are. */
  readonly netns: string | undefined;
  /** "bridge": where pods on a bridge of this machine reach it; "loopback": where only this machine does. */
  readonly reach: "bridge" | "loopback";
  /** Instead of what `reach` finds. */
  readonly listen?: { readonly address: Ip; readonly port?: number } | undefined;
  readonly serviceCidrs: readonly Cidr[];
  /** Where pods of other nodes have their addresses: names outside are looked up for them too. @default {[]} */
  readonly clusterCidrs?: readonly Cidr[];
  /** Who knows names outside. @default {the nameservers of /etc/resolv.conf} */
  readonly upstreams?: readonly ServerAddress[] | undefined;
}

export interface ClusterDnsParts {
  readonly client: Client;
  readonly log?: Log;
  readonly metrics?: Registry;
  /** Ends it: `done` resolves. */
  readonly signal: AbortSignal;
}

export interface ClusterDns {
  /** For people: "10.96.0.10, served at 10.244.0.1:53; names end in cluster.local". */
  readonly description: string;
  readonly servers: readonly DnsServer[];
  /** Resolves when the Service leads to the server. */
  readonly published: Promise<void>;
  readonly done: Promise<void>;
}

/** It cannot be told where pods would reach the server. */
export class ClusterDnsError extends Error {
  override readonly name = "ClusterDnsError";
}

/**
 * Resolves when names are answered. Throws ClusterDnsError if there is no address to listen on, SystemError if it cannot
 * be listened on, or the signal's reason.
 */
export async function startClusterDns(
  options: ClusterDnsOptions,
  parts: ClusterDnsParts,
): Promise<ClusterDns> {
  const { clusterIP, domain, ttl, nodeName, netns, serviceCidrs, clusterCidrs } = options;
  const { client, signal, metrics, log = silentLog } = parts;
  await using stack = new AsyncDisposableStack();
  const addresses = options.listen === undefined ? await listenAddresses(options) : [options.listen.address];

  const names = new ClusterZone({
    domain,
    ...(ttl !== undefined && { ttl }),
    reverseRanges: serviceCidrs,
    nameServer: DNS_SERVICE,
  });
  const bareNames = new BareNames(names);
  const counts = new DnsMetrics();
  const informers = followNames(names, bareNames, counts, { client, signal, log });
  await Promise.all(informers.all.map(async ({ synced }) => synced));
  // Another's server has no such kind, or does not let us see it: then there are no such addresses, and nothing to say.
  const networks = startInformer<Network>({ client, kind: networkKind, signal, transform: neededOfNetwork });

  const own = new Set([clusterIP, ...addresses.map(formatIp)]);
  const isOwn = ({ address }: ServerAddress): boolean =>
    own.has(address) || serviceCidrs.some((range) => contains(range, address));
  const given = options.upstreams;
  const servers: Upstreams = given === undefined ? resolvConf(RESOLV_CONF, isOwn, log) : async () => given;
  const cache = new AnswerCache();
  const upstream = createUpstream({ servers, onAttempt: (...attempt) => counts.forwarded(...attempt) });
  const forwarder = new Forwarder({ upstream, cache });
  // Seconds since 1970 grow faster than changes are made, so that a restart does not go back.
  const firstSerial = Math.floor(Date.now() / 1000);
  const responder = new Responder(names, { firstSerial, bareNames }, cache);
  if (metrics !== undefined) counts.register(metrics, { cache, records: () => names.zone.size });

  const clients = stack.use(await openDnsClients(netns, clusterCidrs));
  const running: DnsServer[] = [];
  for (const address of addresses) {
    const listen = { address, netns, mayRecurse: (from: string) => clients.mayRecurse(from) };
    running.push(
      stack.use(
        await listenSomewhere(listen, portsToTry(options), { responder, forwarder, metrics: counts, log }),
      ),
    );
  }
  const { published, done: unpublished } = publishDnsService({
    client,
    services: informers.services,
    slices: informers.slices,
    networks,
    clusterIP,
    listeners: running,
    nodeName,
    log,
    signal,
  });
  const owned = stack.move();
  const done = (async () => {
    await Promise.all([unpublished, networks.done, ...informers.all.map(({ done }) => done)]);
    await owned.disposeAsync();
  })();
  return { description: describe(options, running), servers: running, published, done };
}

interface Followed {
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  readonly all: readonly Pick<Informer<KubeObject>, "synced" | "done">[];
}

function followNames(
  names: ClusterZone,
  bareNames: BareNames,
  counts: DnsMetrics,
  shared: { readonly client: Client; readonly signal: AbortSignal; readonly log: Log },
): Followed {
  const services = startInformer({ ...shared, kind: serviceKind, transform: neededOfService });
  const slices = startInformer({ ...shared, kind: endpointSliceKind, transform: neededOfSlice });
  const pods = startInformer({ ...shared, kind: podKind, transform: neededOfPod });
  const namespaces = startInformer({ ...shared, kind: namespaceKind, transform: neededOfNamespace });
  services.addHandler({
    onAdd(service) {
      names.setService(service);
      bareNames.addService(service);
    },
    onUpdate(service, old) {
      names.setService(service);
      bareNames.removeService(old);
      bareNames.addService(service);
    },
    onDelete(service) {
      names.removeService(service);
      bareNames.removeService(service);
    },
  });
  const timed = (slice: EndpointSlice): void => {
    const service = services.get(
      slice.metadata.namespace,
      slice.metadata.labels?.["kubernetes.io/service-name"] ?? "",
    );
    const trigger = Date.parse(slice.metadata.annotations?.[TRIGGER_TIME_ANNOTATION] ?? "");
    // What was there before us tells of other times.
    if (!slices.hasSynced || Number.isNaN(trigger) || service === undefined || !isHeadless(service)) return;
    counts.programmed(Math.max(0, Date.now() - trigger) / 1000);
  };
  slices.addHandler({
    onAdd(slice) {
      names.setSlice(slice);
      timed(slice);
    },
    onUpdate(slice, old) {
      if (serviceLabel(slice) !== serviceLabel(old)) names.removeSlice(old);
      names.setSlice(slice);
      timed(slice);
    },
    onDelete: (slice) => names.removeSlice(slice),
  });
  const setPod = (pod: Pod): void => {
    names.setPod(pod);
    bareNames.setPod(pod);
  };
  pods.addHandler({
    onAdd: setPod,
    onUpdate: setPod,
    onDelete(pod) {
      names.removePod(pod);
      bareNames.removePod(pod);
    },
  });
  namespaces.addHandler({
    onAdd: (namespace) => names.addNamespace(namespace),
    onDelete: (namespace) => names.removeNamespace(namespace),
  });
  return { services, slices, all: [services, slices, pods, namespaces] };
}

function serviceLabel({ metadata }: EndpointSlice): string | undefined {
  return metadata.labels?.["kubernetes.io/service-name"];
}

/** Bridges of ours and of engines, the likeliest first. */
const BRIDGES = ["fairlead0", "docker0", "podman0", "cni-podman0"];

/**
 * The machine's own address on the pods' bridge: pods and containers have a route there, the outside has none. One of
 * each IP family.
 */
async function listenAddresses({ reach, netns }: ClusterDnsOptions): Promise<Ip[]> {
  if (reach === "loopback") return [ip("127.0.0.1")];
  using routes = await RouteSocket.open(netns === undefined ? {} : { netns });
  const { bridges } = readHostNetworks(routes);
  const rank = (name: string): number => (BRIDGES.includes(name) ? BRIDGES.indexOf(name) : BRIDGES.length);
  const first = bridges.map(({ name }) => name).sort((a, b) => rank(a) - rank(b))[0];
  const onIt = bridges.filter(({ name }) => name === first).map(({ address }) => address);
  const found = [4, 6].flatMap((family) => onIt.find((address) => address.family === family) ?? []);
  if (found.length === 0)
    throw new ClusterDnsError(
      "off: no bridge with pods is on this machine (--dns-listen ADDRESS says where to listen)",
    );
  return found;
}

function portsToTry({ reach, listen }: ClusterDnsOptions): readonly number[] {
  if (listen?.port !== undefined) return [listen.port];
  // On loopback the proxy has the Service's port 53; 127.0.0.1:53 is left to resolvers of the machine's own.
  return reach === "loopback" && listen === undefined ? [OTHER_PORT, 0] : [DNS_PORT, OTHER_PORT, 0];
}

async function listenSomewhere(
  where: Omit<Parameters<typeof startDnsServer>[0], "port">,
  ports: readonly number[],
  parts: Parameters<typeof startDnsServer>[1],
): Promise<DnsServer> {
  let refused: unknown;
  for (const port of ports)
    try {
      return await startDnsServer({ ...where, port }, parts);
    } catch (error) {
      // node's own errors have codes too.
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code !== "EADDRINUSE" && code !== "EACCES") throw error;
      refused = error;
    }
  throw refused;
}

function describe({ clusterIP, domain }: ClusterDnsOptions, servers: readonly DnsServer[]): string {
  const at = servers.map(({ address, port }) =>
    address.family === 4 ? `${formatIp(address)}:${port}` : `[${formatIp(address)}]:${port}`,
  );
  return `${clusterIP}, served at ${at.join(" and ")}; names end in ${domain}`;
}

function contains(range: Cidr, text: string): boolean {
  const address = parseIp(text);
  return address !== undefined && cidrContains(range, address);
}
