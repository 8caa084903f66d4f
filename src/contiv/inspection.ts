/** What is inspected: the state beside the configuration. Pure, from what the API holds. */
import type { EndpointSlice } from "../api/endpointslice/type.ts";
import { DEFAULT_WEIGHT, sliceWeights } from "../api/endpointslice/weights.ts";
import type { Namespace } from "../api/namespace/type.ts";
import { networkType } from "../api/network/defaults.ts";
import { dockerNetworkName } from "../api/network/docker-name.ts";
import { type NetworkAddresses, networkAddresses } from "../api/network/addresses.ts";
import { serviceNetwork } from "../api/network/service-network.ts";
import type { Network } from "../api/network/type.ts";
import type { Service } from "../api/service/type.ts";
import { podAddresses } from "../api/pod/addresses.ts";
import type { Pod } from "../api/pod/type.ts";
import { isInRun, runOfCidr, runsOf, runsText, runsWithout } from "../base/address-runs.ts";
import { formatCidr, parseIp } from "../base/ip.ts";
import { selects } from "../controllers/pod-endpoint.ts";
import { whyNotProvider } from "../controllers/non-providers.ts";
import { containerId, containerName, endpointOper, isOnNetwork, isUp } from "./endpoint.ts";
import { contivName } from "./names.ts";
import { networkConfig } from "./network.ts";
import type { Picture } from "./picture.ts";
import { serviceConfig, serviceKey, virtualAddresses } from "./service.ts";
import { tenantConfig } from "./tenant.ts";
import type {
  Description,
  Inspection,
  Key,
  NetworkConfig,
  NetworkOper,
  ServiceConfig,
  ServiceOper,
  TenantConfig,
  TenantOper,
} from "./wire.ts";

export function inspectService(service: Service, picture: Picture): Inspection<ServiceConfig, ServiceOper> {
  const selected = picture.selectedBy(service);
  const ready = readyPods(picture.slicesOf(service));
  const providers = selected.filter(({ metadata }) => ready.has(metadata.name ?? ""));
  const vips = virtualAddresses(service);
  return {
    Config: serviceConfig(service, picture),
    Oper: {
      serviceVip: vips[0] ?? "",
      ...(vips.length > 1 && { serviceVips: vips }),
      numProviders: providers.length,
      providers: providers.map((pod) => endpointOper(pod, picture)),
      numCandidates: selected.length,
    },
  };
}

/** The names of the pods that new connections go to. */
function readyPods(slices: readonly EndpointSlice[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const slice of slices) {
    const { weights } = sliceWeights(slice);
    for (const { addresses, conditions, targetRef } of slice.endpoints ?? [])
      if (
        targetRef?.kind === "Pod" &&
        targetRef.name !== undefined &&
        conditions?.ready !== false &&
        (weights.get(addresses[0] ?? "") ?? DEFAULT_WEIGHT) > 0
      )
        names.add(targetRef.name);
  }
  return names;
}

/** Where the service reaches the container: of the service's families, the first that the container has. */
function addressFor({ spec }: Service, pod: Pod): string {
  const addresses = podAddresses(pod);
  const ofFamilies = (spec?.ipFamilies ?? []).flatMap((family) =>
    addresses.filter((address) => address.includes(":") === (family === "IPv6")),
  );
  return ofFamilies[0] ?? addresses[0] ?? "";
}

/** Every container of the tenant, and those of others that have a label of the selector's, with what keeps it away. */
export function describeService(service: Service, picture: Picture): Description {
  const inspection = inspectService(service, picture);
  const { namespace = "" } = service.metadata;
  const selector = service.spec?.selector ?? {};
  const ready = readyPods(picture.slicesOf(service));
  const isNear = ({ metadata }: Pod): boolean =>
    metadata.namespace === namespace ||
    Object.entries(selector).some(([key, value]) => metadata.labels?.[key] === value);
  const candidates = picture.pods.filter(isNear).map((pod) => {
    const isProvider = selects(service, pod) && ready.has(pod.metadata.name ?? "");
    const why = whyNotProvider(service, selector, pod);
    return {
      containerName: containerName(pod),
      containerID: containerId(pod),
      tenantName: picture.tenantName(pod.metadata.namespace ?? ""),
      ipAddress: addressFor(service, pod),
      isProvider,
      why: isProvider
        ? "is a provider"
        : (why ?? "will be a provider in a moment: its endpoint is not written yet"),
    };
  });
  candidates.sort(
    (a, b) =>
      Number(b.isProvider) - Number(a.isProvider) ||
      a.containerName.localeCompare(b.containerName, "en", { numeric: true }),
  );
  return { ...inspection, candidates };
}

export function inspectNetwork(network: Network, picture: Picture): Inspection<NetworkConfig, NetworkOper> {
  const { metadata, spec = {}, status } = network;
  const { namespace = "", name = "" } = metadata;
  const config = networkConfig(network, picture);
  const on = picture.pods.filter((pod) => isUp(pod) && isOnNetwork(pod, network));
  const services = picture.servicesIn(namespace).filter((service) => serviceNetwork(service) === name);
  const families = networkAddresses(spec).map((family) => accounted(family, picture));
  const packetTag = spec.packetTag ?? 0;
  const docker =
    networkType(spec) === "Data" && status?.dockerNetwork !== undefined
      ? (status.dockerNetwork.name ?? dockerNetworkName(namespace, name))
      : undefined;
  const containers = networkAddresses(spec).flatMap((family) => family.containers ?? []);
  return {
    Config: { ...config, "link-sets": { Servicelbs: linkSet("serviceLB", services, picture) } },
    Oper: {
      pktTag: packetTag,
      externalPktTag: packetTag,
      numEndpoints: on.length,
      allocatedAddressesCount: families.reduce((sum, { count }) => sum + count, 0),
      allocatedIPAddresses: joined(families.map(({ allocated }) => allocated)),
      availableIPAddresses: joined(families.map(({ available }) => available)),
      endpoints: on.map((pod) => endpointOper(pod, picture)),
      networkTag: spec.tag ?? "",
      ...(docker !== undefined && { dockerNetwork: docker }),
      ...(containers.length > 0 && { containerRange: containers.map(formatCidr).join(", ") }),
      services: services.map((service) => ({
        serviceName: contivName("serviceLBs", service),
        serviceVip: virtualAddresses(service)[0] ?? "",
      })),
    },
  };
}

/** What of one family is given out: to Services (each has an IPAddress), containers, gateway and DNS. */
function accounted(
  { family, subnet, gateway, dns, usable }: NetworkAddresses,
  { taken: texts }: Picture,
): { count: number; allocated: string; available: string } {
  const whole = runOfCidr(subnet);
  const taken = [gateway, dns, ...texts.map(parseIp)]
    .filter((address) => address !== undefined)
    .filter((address) => address.family === family && isInRun(whole, address.value))
    .map(({ value }) => value);
  const runs = runsOf(taken);
  return {
    count: new Set(taken).size,
    allocated: runsText(runs, family),
    available: runsText(runsWithout(usable, runs), family),
  };
}

function joined(texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join(", ");
}

export function inspectTenant(namespace: Namespace, picture: Picture): Inspection<TenantConfig, TenantOper> {
  const name = namespace.metadata.name ?? "";
  const networks = picture.networksIn(name);
  const services = picture.servicesIn(name);
  const endpoints = picture.podsIn(name).filter(isUp);
  return {
    Config: {
      ...tenantConfig(namespace),
      "link-sets": {
        Networks: Object.fromEntries(
          networks.map((network) => {
            const { key = "" } = networkConfig(network, picture);
            return [key, { type: "network", key }];
          }),
        ),
        Servicelbs: linkSet("serviceLB", services, picture),
      },
    },
    Oper: {
      totalNetworks: networks.length,
      totalEPGs: 0,
      totalNetprofiles: 0,
      totalAppProfiles: 0,
      totalServicelbs: services.length,
      totalPolicies: 0,
      totalEndpoints: endpoints.length,
      networks: networks.map((network) => networkConfig(network, picture)),
      servicelbs: services.map((service) => serviceConfig(service, picture)),
      endpoints: endpoints.map((pod) => endpointOper(pod, picture)),
    },
  };
}

function linkSet(
  type: string,
  services: readonly Service[],
  picture: Picture,
): Record<Key, { type: string; key: Key }> {
  return Object.fromEntries(
    services.map((service) => {
      const key = serviceKey(service, picture);
      return [key, { type, key }];
    }),
  );
}
