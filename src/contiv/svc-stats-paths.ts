/** Connections as paths from clients over Services to providers, and counts of these in the form of /svcstats. Pure. */
import { formatIp, ipFromBytes } from "../base/ip.ts";
import { NODE_ADDRESS, type ServiceTable, type VirtualPort, virtualPortKey } from "../dataplane/table.ts";
import type { Connection } from "../net/conntrack/model.ts";
import type {
  ClientStats,
  PathCounts,
  PortStats,
  ProviderStats,
  ServiceStats,
  SvcStatsByClient,
  Tenants,
} from "./svc-stats-source.ts";

const PROTOCOLS: Readonly<Record<number, VirtualPort["protocol"]>> = { 6: "TCP", 17: "UDP", 132: "SCTP" };

/** From a client over a port of a Service to a provider. */
export interface Path {
  readonly client: string;
  readonly provider: string;
  readonly providerPort: number;
  readonly address: string;
  readonly port: VirtualPort;
  /** The number that the client connected to: a node port's own. */
  readonly servicePort: number;
}

export type Sum = { -readonly [K in keyof PathCounts]: PathCounts[K] };

type CountedPath = Path & { readonly counts: PathCounts };

/** Undefined if it was made to no port of a Service. */
export function pathOf(
  table: Pick<ServiceTable, "ports"> | undefined,
  connection: Connection,
): Path | undefined {
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

export function pathKey({ client, address, port, servicePort, provider, providerPort }: Path): string {
  return `${client} ${address} ${port.protocol} ${servicePort} ${provider} ${providerPort}`;
}

export function noCounts(): Sum {
  return { PacketsIn: 0, BytesIn: 0, PacketsOut: 0, BytesOut: 0 };
}

/** What the connection has carried so far. */
export function addCarried(into: Sum, { carried }: Connection): void {
  if (carried === undefined) return;
  const { original, reply } = carried;
  addCounts(into, {
    PacketsIn: original.packets,
    BytesIn: original.bytes,
    PacketsOut: reply.packets,
    BytesOut: reply.bytes,
  });
}

export function addCounts(into: Sum, more: PathCounts): void {
  into.PacketsIn += more.PacketsIn;
  into.BytesIn += more.BytesIn;
  into.PacketsOut += more.PacketsOut;
  into.BytesOut += more.BytesOut;
}

function total(all: readonly PathCounts[]): PathCounts {
  const counts = noCounts();
  for (const one of all) addCounts(counts, one);
  return counts;
}

/** Contiv's tenant of a Service: its namespace. */
function namespaceOf({ service }: VirtualPort): string {
  return service.split("/")[0]!;
}

export function statsByClient(
  paths: Iterable<CountedPath>,
  tenants: Tenants,
  since: string,
): SvcStatsByClient {
  const byClient = Map.groupBy(paths, ({ client }) => client);
  return Object.fromEntries(
    Array.from(byClient, ([client, own]) => [client, clientStats(client, own, tenants, since)]),
  );
}

function clientStats(
  client: string,
  paths: readonly CountedPath[],
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

function serviceStats(paths: readonly CountedPath[], tenants: Tenants): ServiceStats {
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
function portStats(paths: readonly CountedPath[], tenant: string): PortStats {
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
