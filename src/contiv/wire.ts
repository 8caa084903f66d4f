/**
 * What netmaster's REST sends and takes, field for field (contiv/netplugin contivmodel): the names are Contiv's, and so is
 * what they mean. Fields that Contiv has not are marked "ours"; old clients pass over them.
 *
 * Paths: `GET /api/v1/<plural>/`, `GET|POST|PUT|DELETE /api/v1/<plural>/<key>/`, `GET /api/v1/inspect/<plural>/<key>/`,
 * with or without the last slash; `<plural>` is networks, tenants or serviceLBs (endpoints: inspect alone). POST and PUT
 * create or update. Ours: PATCH (a merge patch), `GET /api/v1/<plural>/?watch=true` (a WatchLine a line),
 * `GET /api/v1/describe/serviceLBs/<key>/` (Description), `GET /api/v1/inspect/<plural>/` (an Inspection of each, as a list:
 * what `netctl service ls` shows), `GET /svcstats`.
 */

/** `tenantName:networkName`, or `tenantName` of a tenant. */
export type Key = string;

interface Keyed {
  /** In answers. A request's may be left out; the path's key counts. */
  readonly key?: Key;
  /** Contiv's references to other objects. */
  readonly "link-sets"?: Readonly<
    Record<string, Readonly<Record<Key, { readonly type: string; readonly key: Key }>>>
  >;
  readonly links?: Readonly<Record<string, { readonly type: string; readonly key: Key }>>;
}

export interface NetworkConfig extends Keyed {
  readonly tenantName: string;
  readonly networkName: string;
  /** "data" (the default) or "infra". */
  readonly nwType?: string;
  /** "vxlan" (the default) or "vlan". */
  readonly encap?: string;
  readonly pktTag?: number;
  /** "10.1.1.0/24", or with the addresses to be given out "10.1.1.10-10.1.1.20/24". */
  readonly subnet?: string;
  readonly gateway?: string;
  readonly ipv6Subnet?: string;
  readonly ipv6Gateway?: string;
  readonly cfgdTag?: string;
}

export interface NetworkOper {
  readonly pktTag: number;
  readonly externalPktTag: number;
  /** Containers on it. */
  readonly numEndpoints: number;
  readonly allocatedAddressesCount: number;
  /** Runs of addresses, "10.1.1.1-10.1.1.4, 10.1.1.254"; virtual addresses of services, containers and gateway. */
  readonly allocatedIPAddresses: string;
  readonly availableIPAddresses: string;
  readonly endpoints: readonly EndpointOper[];
  readonly networkTag: string;
  /** Ours: the engine's network, and where its containers draw their addresses from. */
  readonly dockerNetwork?: string;
  readonly containerRange?: string;
  /** Ours: the services whose addresses are of this network. */
  readonly services: readonly { readonly serviceName: string; readonly serviceVip: string }[];
}

export interface TenantConfig extends Keyed {
  readonly tenantName: string;
  readonly defaultNetwork?: string;
}

export interface TenantOper {
  readonly totalNetworks: number;
  readonly totalEPGs: number;
  readonly totalNetprofiles: number;
  readonly totalAppProfiles: number;
  readonly totalServicelbs: number;
  readonly totalPolicies: number;
  readonly totalEndpoints: number;
  readonly networks: readonly NetworkConfig[];
  readonly servicelbs: readonly ServiceConfig[];
  readonly endpoints: readonly EndpointOper[];
}

export interface ServiceConfig extends Keyed {
  readonly tenantName: string;
  /** "" for a Service whose address is of the cluster's own ranges. */
  readonly networkName: string;
  readonly serviceName: string;
  /** The address that was asked for; "" if any would do. */
  readonly ipAddress?: string;
  /** "tier=web". */
  readonly selectors: readonly string[];
  /** "8080:80:TCP". */
  readonly ports: readonly string[];
  /** Ours: a value of the annotation fairlead.dev/balance. @default {"least-clients"} of what is made here */
  readonly balance?: string;
}

export interface ServiceOper {
  readonly serviceVip: string;
  /** Ours: of a service with an address of each IP family, both, the first is `serviceVip`. Contiv's services have IPv4 alone. */
  readonly serviceVips?: readonly string[];
  /** Those that get connections. */
  readonly numProviders: number;
  readonly providers: readonly EndpointOper[];
  /** Ours: all that the selectors choose, whether or not they get connections. */
  readonly numCandidates: number;
}

export interface EndpointOper {
  /** `tenant:network`. */
  readonly network: string;
  /** The container's id. */
  readonly endpointID: string;
  readonly serviceName: string;
  readonly endpointGroupId: number;
  readonly endpointGroupKey: string;
  /** IPv4, IPv6; "" where there is none. */
  readonly ipAddress: readonly string[];
  readonly macAddress: string;
  readonly homingHost: string;
  readonly intfName: string;
  readonly vtepIP: string;
  /** As Go prints a map: "map[tier:web release:stable]". */
  readonly labels: string;
  readonly containerID: string;
  readonly containerName: string;
}

/** What /api/v1/inspect/ answers. A tenant's, a network's, a service's; an endpoint has no Config. */
export interface Inspection<Config, Oper> {
  readonly Config: Config;
  readonly Oper: Oper;
}

/** A line of `GET /api/v1/<plural>/?watch=true`: first each object that there is, then each change. */
export interface WatchLine<Config, Oper> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: Inspection<Config, Oper>;
}

/** Why each container is or is not behind a service. */
export interface Description extends Inspection<ServiceConfig, ServiceOper> {
  readonly candidates: readonly {
    readonly containerName: string;
    readonly containerID: string;
    readonly tenantName: string;
    readonly ipAddress: string;
    readonly isProvider: boolean;
    /** A sentence without a subject: "is a provider", "has no label tier (the selector wants tier=web)". */
    readonly why: string;
  }[];
}

/** The body of each refusal; with `X-Contiv-Errors: plain` or `?errors=plain` it is 500 and `error` as plain text. */
export interface Refusal {
  /** All that is wrong; the first of `errors` where Contiv would have said one. */
  readonly error: string;
  /** Each thing that is wrong, with the field it is about ("ports[1]"). */
  readonly errors: readonly { readonly field?: string; readonly message: string }[];
  /** The HTTP status: 400 malformed, 401, 403, 404, 409 in use or taken, 500 our fault. */
  readonly code: number;
}
