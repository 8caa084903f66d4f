/**
 * Who answers `GET /svcstats`: packets and bytes of each client with each Service, in the form and with the names that
 * Contiv's agent gives them (contiv/ofnet, OfnetEndpointStats; its first releases gave a list of the same). Implemented over
 * the kernel's table of connections.
 */

export interface PathCounts {
  readonly PacketsIn: number;
  readonly BytesIn: number;
  readonly PacketsOut: number;
  readonly BytesOut: number;
}

/** Of one client with one provider of a Service. */
export interface ProviderStats extends PathCounts {
  readonly ProviderIP: string;
  readonly ServiceIP: string;
  readonly ServiceVrf: string;
}

/** Of one client with one port of a Service, or with all of its. */
export interface PortStats {
  /** "TCP", "UDP" or "SCTP". */
  readonly Protocol: string;
  /** In decimal. */
  readonly SvcPort: string;
  readonly ProvPort: string;
  /** All providers together. */
  readonly SvcStats: PathCounts;
  /** By the provider's address. */
  readonly ProvStats: Readonly<Record<string, ProviderStats>>;
}

/** Of one client with one Service. Where that has several ports, the protocol and ports are of the first one. */
export interface ServiceStats extends PortStats {
  readonly ServiceIP: string;
  /** The tenant. */
  readonly ServiceVRF: string;
  /** Ours: of each port apart, by "80/TCP". */
  readonly Ports: Readonly<Record<string, PortStats>>;
}

/** Of one client. "In" is what it sent. */
export interface ClientStats {
  /** The client's address. */
  readonly EndpointIP: string;
  /** The client's tenant, if it is a container; else the one of the first Service that it used. */
  readonly VrfName: string;
  readonly PortStats: PathCounts;
  /** By the Service's address; by "address:port" for addresses that several may share (of nodes, load balancers, external ones). */
  readonly SvcStats: Readonly<Record<string, ServiceStats>>;
  /** Ours: since when connections that ended are counted (RFC 3339). Living ones are counted from their beginning. */
  readonly CountedSince: string;
}

/** By the client's address. */
export type SvcStatsByClient = Readonly<Record<string, ClientStats>>;

export interface Tenants {
  /** The namespace of the container with this address, if there is one. */
  ofAddress(address: string): string | undefined;
  /** What Contiv's users call the tenant. */
  nameOf(namespace: string): string;
}

export interface SvcStatsAnswer {
  /** As in {@link ClientStats.CountedSince}. */
  readonly since: string;
  readonly clients: SvcStatsByClient;
}

export interface SvcStatsSource {
  /** As it is now. Throws if the kernel cannot be read. */
  read(tenants: Tenants, signal: AbortSignal): Promise<SvcStatsAnswer>;
}
