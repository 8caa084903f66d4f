/** The fields of answers, as OpenAPI describes them. The compiler sees to it that each field of wire.ts is here. */
import { count, listOf, object, ref, type Schema, text } from "./openapi-schema.ts";
import type { ClientStats } from "./svc-stats-source.ts";
import type { Description, EndpointOper, NetworkOper, Refusal, ServiceOper, TenantOper } from "./wire.ts";

type Described<T, Without extends keyof T = never> = {
  readonly [K in Exclude<keyof T, Without>]-?: Schema;
};

export const endpointFields: Described<EndpointOper> = {
  network: text("tenant:network; of a network that is none of ours, the engine's name of it."),
  endpointID: text("The container's id."),
  serviceName: text("The services whose selectors choose it, by commas."),
  endpointGroupId: count("Always 0: there are no endpoint groups."),
  endpointGroupKey: text("Always empty."),
  ipAddress: listOf({ type: "string" }, "IPv4, IPv6; empty where there is none."),
  macAddress: text("Always empty: the kernel finds it."),
  homingHost: text("The node it is on."),
  intfName: text("Always empty."),
  vtepIP: text("Always empty: there is no overlay."),
  labels: text("As Go prints a map: map[release:stable tier:web]."),
  containerID: text("The container's id."),
  containerName: text("The container's name."),
};

export const networkOperFields: Described<NetworkOper> = {
  pktTag: count("As configured."),
  externalPktTag: count("As configured."),
  numEndpoints: count("Running containers on it."),
  allocatedAddressesCount: count("Addresses that somebody has: gateway, DNS, services, containers."),
  allocatedIPAddresses: text("Which: 10.1.1.1-10.1.1.4, 10.1.1.254."),
  availableIPAddresses: text("Those that are free."),
  endpoints: listOf(ref("EndpointOper"), "Running containers on it, of its tenant."),
  networkTag: text("As configured."),
  dockerNetwork: text("The container engine's network."),
  containerRange: text("Where containers draw their addresses from."),
  services: listOf(
    object({ serviceName: text("Its name."), serviceVip: text("Its virtual address.") }),
    "The services whose addresses are of this network.",
  ),
};

export const tenantOperFields: Described<TenantOper> = {
  totalNetworks: count("Its networks."),
  totalEPGs: count("Always 0."),
  totalNetprofiles: count("Always 0."),
  totalAppProfiles: count("Always 0."),
  totalServicelbs: count("Its services."),
  totalPolicies: count("Always 0."),
  totalEndpoints: count("Its running containers."),
  networks: listOf(ref("NetworkConfig"), "Its networks."),
  servicelbs: listOf(ref("ServiceLBConfig"), "Its services."),
  endpoints: listOf(ref("EndpointOper"), "Its running containers."),
};

export const serviceOperFields: Described<ServiceOper> = {
  serviceVip: text("The virtual address."),
  serviceVips: listOf(
    text("One of them."),
    "Both virtual addresses, of a service with one of each IP family.",
  ),
  numProviders: count("Containers that get connections."),
  providers: listOf(ref("EndpointOper"), "They."),
  numCandidates: count("Containers that the selectors choose, whether or not they get connections."),
};

/** Beside what is inspected. */
export const descriptionFields: Described<Description, "Config" | "Oper"> = {
  candidates: listOf(
    object({
      containerName: text("Its name."),
      containerID: text("Its id."),
      tenantName: text("Its tenant."),
      ipAddress: text("Its address; empty if it has none."),
      isProvider: { type: "boolean", description: "Whether it gets connections." },
      why: text("Why, or why not."),
    } satisfies Described<Description["candidates"][number]>),
    "Containers of the tenant, and those of others that have a label of the selectors.",
  ),
};

export const refusalFields: Described<Refusal> = {
  error: text("All that is wrong."),
  errors: listOf(
    object({ field: text("Which field it is about: ports[1]."), message: text("What is wrong.") }),
    "Each thing that is wrong.",
  ),
  code: count("The HTTP status."),
};

export const clientStatsFields: Described<ClientStats> = {
  EndpointIP: text("The client's address."),
  VrfName: text("Its tenant, if it is a container; else the one of the first service that it used."),
  PortStats: object({
    PacketsIn: count("Packets that it sent."),
    BytesIn: count("Bytes that it sent."),
    PacketsOut: count("Packets that it got."),
    BytesOut: count("Bytes that it got."),
  }),
  SvcStats: {
    type: "object",
    additionalProperties: { type: "object" },
    description: "By the service's address, port (Ports) and provider (ProvStats).",
  },
  CountedSince: text(
    "Since when connections that ended are counted (RFC 3339); living ones are counted from their beginning.",
  ),
};
