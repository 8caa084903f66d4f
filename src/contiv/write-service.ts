/** Making, changing and removing services. What is refused has changed nothing. */
import { ApiError } from "../api/api-error.ts";
import { networkKind } from "../api/network/kind.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { Service } from "../api/service/type.ts";
import { objectNotFound, orNotFound } from "./not-found.ts";
import { ContivError } from "./refusal.ts";
import { changedService, serviceOf } from "./service.ts";
import { find, objectName, type Sides } from "./sides.ts";
import type { ServiceConfig } from "./wire.ts";
import { requireTenant } from "./write-tenant.ts";
import { BY_US, type Written } from "./written.ts";

/** How often a write is begun again that another's came before. */
const ATTEMPTS = 10;

/**
 * Creates the service or makes it so, in one commit. The same again changes nothing. `mustExist`: only of one that is there.
 * Throws ContivError or ApiError.
 */
export async function putService(
  sides: Sides,
  config: ServiceConfig,
  mustExist = false,
): Promise<Written<Service>> {
  const { user } = sides;
  const { tenantName, serviceName } = config;
  const name = objectName("serviceLBs", tenantName, serviceName);
  for (let attempt = 1; ; attempt++)
    try {
      const existing = await find(user, serviceKind, name);
      if (existing === undefined) {
        if (mustExist) throw objectNotFound("serviceLBs", `${tenantName}:${serviceName}`);
        await checkPlace(sides, config);
        return { object: await user.create(serviceKind, serviceOf(config), BY_US), verb: "create" };
      }
      const changed = changedService(existing, config);
      if (changed === undefined) return { object: existing, verb: "none" };
      await checkPlace(sides, config);
      return { object: await user.update(serviceKind, changed, BY_US), verb: "update" };
    } catch (error) {
      // Somebody was first: the same is tried on what they have made of it.
      if (attempt === ATTEMPTS || !isRace(error)) throw error;
    }
}

function isRace(error: unknown): boolean {
  return error instanceof ApiError && (error.reason === "Conflict" || error.reason === "AlreadyExists");
}

/** Tenant and network of the service, of which Contiv says which is missing. */
async function checkPlace({ own }: Sides, { tenantName, networkName }: ServiceConfig): Promise<void> {
  await requireTenant(own, tenantName);
  if (networkName === "") return;
  const network = await find(own, networkKind, objectName("networks", tenantName, networkName));
  if (network === undefined)
    throw new ContivError(404, [
      {
        field: "networkName",
        message: `Network ${networkName} not found: tenant ${tenantName} has none of that name`,
      },
    ]);
}

/** Throws ContivError 404, or ApiError. */
export async function removeService({ user }: Sides, tenantName: string, serviceName: string): Promise<void> {
  const name = objectName("serviceLBs", tenantName, serviceName);
  await orNotFound(user.delete(serviceKind, name), () =>
    objectNotFound("serviceLBs", `${tenantName}:${serviceName}`),
  );
}
