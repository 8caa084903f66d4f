/**
 * Who answers `GET /svcstats`: packets and bytes of each client with each Service, in the form and with the names that
 * Contiv's agent gives them (contiv/ofnet, OfnetEndpointStats). Implemented over the kernel's table of connections.
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

/** Of one client with one port of a Service. */
export interface ServiceStats {
  readonly ServiceIP: string;
  /** The tenant. */
  readonly ServiceVRF: string;
  /** "TCP" or "UDP". */
  readonly Protocol: string;
  /** In decimal. */
  readonly SvcPort: string;
  readonly ProvPort: string;
  /** All providers together. */
  readonly SvcStats: PathCounts;
  /** By the provider's address. */
  readonly ProvStats: Readonly<Record<string, ProviderStats>>;
}

/** Of one client. "In" is what it sent. */
export interface ClientStats {
  /** The client's address. */
  readonly EndpointIP: string;
  readonly VrfName: string;
  readonly PortStats: PathCounts;
  /** By a key of the implementation's: address, port and protocol of the Service. */
  readonly SvcStats: Readonly<Record<string, ServiceStats>>;
}

export interface SvcStatsSource {
  /** As it is now. Throws if the kernel cannot be read. */
  read(signal: AbortSignal): Promise<readonly ClientStats[]>;
}
