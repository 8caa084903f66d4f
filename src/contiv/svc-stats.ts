/**
 * Packets and bytes of each client with each Service and provider, out of the kernel's own counts for its connections:
 * those of connections that ended are kept, those of living ones are read when somebody asks. So nothing polls, and counts
 * only grow.
 *
 * To hear of each connection's end costs new connections (`npm run bench -- svc-stats`). So that begins with the first question, and
 * ends when nobody has asked for a quarter of an hour: the next question then begins anew, and every answer says since when.
 *
 * Bytes are those of whole IP packets, headers included, as conntrack counts them.
 */
import { formatIp, ipFromBytes } from "../base/ip.ts";
import type { Connection } from "../net/conntrack/model.ts";
import type { ConnectionSource } from "../dataplane/connections/connection-source.ts";
import { DataPlaneError } from "../dataplane/dataplane.ts";
import { NODE_ADDRESS, type ServiceTable, type VirtualPort, virtualPortKey } from "../dataplane/table.ts";
import type {
  ClientStats,
  PathCounts,
  PortStats,
  ProviderStats,
  ServiceStats,
  SvcStatsAnswer,
  SvcStatsByClient,
  SvcStatsSource,
  Tenants,
} from "./svc-stats-source.ts";

/** Who has not asked for so long asks no more, in milliseconds. */
const LISTENING = 15 * 60_000;
/** A client without any connection for so long is forgotten, in milliseconds. */
const KEPT = 60 * 60_000;
/** The most (client, Service port, provider) that are kept of ended connections; those that ended longest ago make room. */
const MAX_PATHS = 100_000;
const PROTOCOLS: Readonly<Record<number, VirtualPort["protocol"]>> = { 6: "TCP", 17: "UDP", 132: "SCTP" };

/** From a client over a port of a Service to a provider. */
interface Path {
  readonly client: string;
  readonly provider: string;
  readonly providerPort: number;
  readonly address: string;
  readonly port: VirtualPort;
  /** The number that the client connected to: a node port's own. */
  readonly servicePort: number;
}

type Sum = { -readonly [K in keyof PathCounts]: PathCounts[K] };
type Counted = Path & { readonly counts: Sum; at: number };

export interface SvcStatsOptions {
  /** What is programmed; undefined as long as nothing is. */
  readonly table: () => Pick<ServiceTable, "ports"> | undefined;
  /** Opens the kernel's connections, when somebody asks. */
  readonly open: (onEnd: (connection: Connection) => void) => Promise<ConnectionSource>;
  /** The most that is kept. @default {100_000} */
  readonly maxPaths?: number;
  /** Milliseconds that only grow. @default {performance.now} */
  readonly now?: () => number;
}

/** What is open, and since when. */
interface Counting {
  readonly source: ConnectionSource;
  readonly since: string;
}

export function createSvcStats({
  table,
  open,
  maxPaths = MAX_PATHS,
  now = () => performance.now(),
}: SvcStatsOptions): SvcStatsSource & Disposable {
  /** Of ended connections, by path; the longest ago first. */
  const ended = new Map<string, Counted>();
  /** Those of the last reading: one that is neither there at the next nor was told to have ended has ended unheard. */
  let living = new Map<string, Connection>();
  /** Those that end while connections are read: the reading may have them, too. */
  let endedMeanwhile: Set<string> | undefined;
  let counting: Counting | undefined;
  let giveUp: NodeJS.Timeout | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let isDisposed = false;

  function end(connection: Connection): void {
    const key = connectionKey(connection);
    living.delete(key);
    endedMeanwhile?.add(key);
    const path = pathOf(table(), connection);
    if (path === undefined) return;
    const name = pathKey(path);
    const known = ended.get(name);
    const counts = known?.counts ?? nothing();
    add(counts, connection);
    ended.delete(name);
    ended.set(name, { ...path, counts, at: now() });
    if (ended.size > maxPaths) ended.delete(ended.keys().next().value!);
  }

  async function begun(): Promise<Counting> {
    if (counting !== undefined) return counting;
    const source = await open(end);
    counting = { source, since: new Date().toISOString() };
    // It was disposed of while it opened.
    if (isDisposed) stop();
    return counting;
  }

  function stop(): void {
    clearTimeout(giveUp);
    counting?.source[Symbol.dispose]();
    counting = undefined;
    living.clear();
    ended.clear();
  }

  async function read(tenants: Tenants, signal: AbortSignal): Promise<SvcStatsAnswer> {
    if (isDisposed) throw new Error("closed");
    const { source: from, since } = await begun();
    if (!from.hasCounters()) {
      // There is nothing to be heard.
      stop();
      throw new DataPlaneError(
        "the kernel does not count packets and bytes of connections: net.netfilter.nf_conntrack_acct is 0",
        {
          remedy:
            "sysctl -w net.netfilter.nf_conntrack_acct=1; connections that begin from then on are counted",
        },
      );
    }
    clearTimeout(giveUp);
    giveUp = setTimeout(stop, LISTENING).unref();
    const found = new Map<string, Connection>();
    const meanwhile = (endedMeanwhile = new Set<string>());
    try {
      await from.visit((connection) => found.set(connectionKey(connection), connection), signal);
      from.hearEnds();
    } finally {
      endedMeanwhile = undefined;
    }
    for (const key of meanwhile) found.delete(key);
    const unheard = [...living].filter(([key]) => !found.has(key));
    for (const [, connection] of unheard) end(connection);
    living = found;
    return { since, clients: summary(found.values(), tenants, since) };
  }

  function summary(connections: Iterable<Connection>, tenants: Tenants, since: string): SvcStatsByClient {
    const paths = new Map<string, Counted>();
    for (const connection of connections) {
      const path = pathOf(table(), connection);
      if (path === undefined) continue;
      const key = pathKey(path);
      const counted = paths.get(key) ?? { ...path, counts: nothing(), at: now() };
      add(counted.counts, connection);
      paths.set(key, counted);
    }
    const alive = new Set(Array.from(paths.values(), ({ client }) => client));
    const ports = table()?.ports;
    for (const [key, one] of ended) {
      const isServed = ports?.has(virtualPortKey(one.port)) === true;
      if (!isServed || (!alive.has(one.client) && now() - one.at > KEPT)) {
        ended.delete(key);
        continue;
      }
      const counted = paths.get(key);
      if (counted === undefined) paths.set(key, one);
      else sum(counted.counts, one.counts);
    }
    const byClient = Map.groupBy(paths.values(), ({ client }) => client);
    return Object.fromEntries(
      Array.from(byClient, ([client, own]) => [client, clientStats(client, own, tenants, since)]),
    );
  }

  return {
    /** One after another: two readings at once would take each other's for ends. */
    read(tenants, signal) {
      const result = last.then(() => read(tenants, signal));
      last = result.catch(() => undefined);
      return result;
    },
    [Symbol.dispose]() {
      isDisposed = true;
      stop();
    },
  };
}

/** undefined if it was made to no port of a Service. */
function pathOf(table: Pick<ServiceTable, "ports"> | undefined, connection: Connection): Path | undefined {
  const { original, reply } = connection;
  const protocol = PROTOCOLS[original.protocol];
  const { destinationPort } = original;
  if (table === undefined || protocol === undefined || destinationPort === undefined) return undefined;
  const text = (bytes: Uint8Array): string => formatIp(ipFromBytes(bytes));
  const address = text(original.destination);
  const any = NODE_ADDRESS[original.destination.length === 4 ? 4 : 6];
  const port =
    table.ports.get(virtualPortKey({ address, protocol, port: destinationPort })) ??
    table.ports.get(virtualPortKey({ address: any, protocol, port: destinationPort }));
  if (port === undefined) return undefined;
  return {
    client: text(original.source),
    provider: text(reply.source),
    providerPort: reply.sourcePort ?? 0,
    address,
    port,
    servicePort: destinationPort,
  };
}

function pathKey({ client, address, port, servicePort, provider, providerPort }: Path): string {
  return `${client} ${address} ${port.protocol} ${servicePort} ${provider} ${providerPort}`;
}

function connectionKey({ original, zone, id }: Connection): string {
  const { source, destination, protocol, sourcePort, destinationPort } = original;
  const bytes = Buffer.concat([source, destination]).toString("latin1");
  return `${bytes} ${protocol} ${sourcePort} ${destinationPort} ${zone} ${id}`;
}

function nothing(): Sum {
  return { PacketsIn: 0, BytesIn: 0, PacketsOut: 0, BytesOut: 0 };
}

function add(into: Sum, { carried }: Connection): void {
  if (carried === undefined) return;
  const { original, reply } = carried;
  sum(into, {
    PacketsIn: original.packets,
    BytesIn: original.bytes,
    PacketsOut: reply.packets,
    BytesOut: reply.bytes,
  });
}

function sum(into: Sum, more: PathCounts): void {
  into.PacketsIn += more.PacketsIn;
  into.BytesIn += more.BytesIn;
  into.PacketsOut += more.PacketsOut;
  into.BytesOut += more.BytesOut;
}

function total(all: readonly PathCounts[]): PathCounts {
  const counts = nothing();
  for (const one of all) sum(counts, one);
  return counts;
}

/** Contiv's tenant of a Service: its namespace. */
function namespaceOf({ service }: VirtualPort): string {
  return service.split("/")[0]!;
}

function clientStats(
  client: string,
  paths: readonly Counted[],
  tenants: Tenants,
  since: string,
): ClientStats {
  const services = Map.groupBy(paths, serviceKeyOf);
  return {
    EndpointIP: client,
    // Whoever is no container of ours is taken for one of the tenant whose Services it uses, as in Contiv it must be.
    VrfName: tenants.nameOf(tenants.ofAddress(client) ?? namespaceOf(paths[0]!.port)),
    PortStats: total(paths.map(({ counts }) => counts)),
    SvcStats: Object.fromEntries(Array.from(services, ([key, own]) => [key, serviceStats(own, tenants)])),
    CountedSince: since,
  };
}

/** The address, and where several Services may share that, the port, too. */
function serviceKeyOf({ address, servicePort, port: { type = "ClusterIP" } }: Path): string {
  if (type === "ClusterIP") return address;
  return `${address.includes(":") ? `[${address}]` : address}:${servicePort}`;
}

function serviceStats(paths: readonly Counted[], tenants: Tenants): ServiceStats {
  const { address, port } = paths[0]!;
  const tenant = tenants.nameOf(namespaceOf(port));
  const ports = Map.groupBy(
    paths.toSorted((a, b) => a.servicePort - b.servicePort),
    ({ servicePort, port: { protocol } }) => `${servicePort}/${protocol}`,
  );
  return {
    ServiceIP: address,
    ServiceVRF: tenant,
    ...portStats(paths, tenant),
    Ports: Object.fromEntries(Array.from(ports, ([key, own]) => [key, portStats(own, tenant)])),
  };
}

/** All of `paths`, called after the lowest of their ports. */
function portStats(paths: readonly Counted[], tenant: string): PortStats {
  const first = paths.reduce((a, b) => (b.servicePort < a.servicePort ? b : a));
  const { address, port, servicePort, providerPort } = first;
  const providers = Map.groupBy(paths, ({ provider }) => provider);
  return {
    Protocol: port.protocol,
    SvcPort: String(servicePort),
    ProvPort: String(providerPort),
    SvcStats: total(paths.map(({ counts }) => counts)),
    ProvStats: Object.fromEntries(
      Array.from(providers, ([provider, own]): [string, ProviderStats] => [
        provider,
        {
          ProviderIP: provider,
          ServiceIP: address,
          ServiceVrf: tenant,
          ...total(own.map(({ counts }) => counts)),
        },
      ]),
    ),
  };
}
