/** Making, changing and removing services. What is refused has changed nothing. */
import { networkKind } from "../api/network/kind.ts";
import { serviceNetwork } from "../api/network/service-network.ts";
import type { Network } from "../api/network/type.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { IpFamilyName, Service } from "../api/service/type.ts";
import { objectNotFound, orNotFound } from "./not-found.ts";
import { ContivError } from "./refusal.ts";
import { changedService, serviceOf } from "./service.ts";
import { find, objectName, type Sides } from "./sides.ts";
import type { ServiceConfig } from "./wire.ts";
import { requireTenant } from "./write-tenant.ts";
import { afterRaces, BY_US, requireName, type Written } from "./written.ts";

/** Creates the service or makes it so, in one commit. The same again changes nothing. Throws ContivError or ApiError. */
export async function putService(sides: Sides, config: ServiceConfig): Promise<Written<Service>> {
  const { user } = sides;
  const { tenantName, serviceName } = config;
  const name = objectName("serviceLBs", tenantName, serviceName);
  return afterRaces(async () => {
    const existing = await find(user, serviceKind, name);
    if (existing !== undefined) {
      requireName("serviceLBs", existing, serviceName);
      return changeService(sides, existing, config);
    }
    const service = withFamilies(serviceOf(config), await placeOf(sides, config));
    return { object: await user.create(serviceKind, service, BY_US), verb: "create" };
  });
}

/** Makes a service that there is what `wanted` says of it, whoever else changes it. Throws ContivError or ApiError. */
export async function patchService(
  sides: Sides,
  tenantName: string,
  serviceName: string,
  wanted: (existing: Service) => ServiceConfig,
): Promise<Written<Service>> {
  const name = objectName("serviceLBs", tenantName, serviceName);
  return afterRaces(async () => {
    const existing = await find(sides.user, serviceKind, name);
    if (existing === undefined) throw objectNotFound("serviceLBs", `${tenantName}:${serviceName}`);
    return changeService(sides, existing, wanted(existing));
  });
}

async function changeService(
  sides: Sides,
  existing: Service,
  config: ServiceConfig,
): Promise<Written<Service>> {
  const changed = changedService(existing, config);
  if (changed === undefined) return { object: existing, verb: "none" };
  const network = await placeOf(sides, config);
  const isMoved = serviceNetwork(changed) !== serviceNetwork(existing);
  const object = isMoved ? withFamilies(changed, network) : changed;
  return { object: await sides.user.update(serviceKind, object, BY_US), verb: "update" };
}

/** With an address of each family that the network has: its containers have both, and Contiv has no word to ask for one. */
function withFamilies(service: Service, network: Network | undefined): Service {
  const { subnet, ipv6Subnet } = network?.spec ?? {};
  if (!subnet || !ipv6Subnet) return service;
  const isSix = service.spec?.clusterIP?.includes(":") === true;
  const ipFamilies: IpFamilyName[] = isSix ? ["IPv6", "IPv4"] : ["IPv4", "IPv6"];
  return { ...service, spec: { ...service.spec, ipFamilyPolicy: "PreferDualStack", ipFamilies } };
}

/** The service's network, undefined if it asks for none. Throws ContivError 404 if that or the tenant is missing. */
async function placeOf(
  { own }: Sides,
  { tenantName, networkName }: ServiceConfig,
): Promise<Network | undefined> {
  await requireTenant(own, tenantName);
  if (networkName === "") return undefined;
  const network = await find(own, networkKind, objectName("networks", tenantName, networkName));
  if (network === undefined)
    throw new ContivError(404, [
      {
        field: "networkName",
        message: `Network ${networkName} not found: tenant ${tenantName} has none of that name`,
      },
    ]);
  return network;
}

/** Throws ContivError 404, or ApiError. */
export async function removeService({ user }: Sides, tenantName: string, serviceName: string): Promise<void> {
  const name = objectName("serviceLBs", tenantName, serviceName);
  await orNotFound(user.delete(serviceKind, name), () =>
    objectNotFound("serviceLBs", `${tenantName}:${serviceName}`),
  );
}
