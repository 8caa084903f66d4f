/** Making and removing tenants. */
import { namespaceKind } from "../api/namespace/kind.ts";
import type { Namespace } from "../api/namespace/type.ts";
import { networkKind } from "../api/network/kind.ts";
import { podKind } from "../api/pod/kind.ts";
import { serviceKind } from "../api/service/kind.ts";
import { isUp } from "./endpoint.ts";
import { objectNotFound, orNotFound } from "./not-found.ts";
import { ContivError, type Problem } from "./refusal.ts";
import { find, listOf, objectName, type Sides } from "./sides.ts";
import { namespaceOf, tenantConfig } from "./tenant.ts";
import { until } from "./until.ts";
import type { TenantConfig } from "./wire.ts";
import { afterRaces, BY_US, requireName, type Written } from "./written.ts";

/** The same again changes nothing. Throws ContivError or ApiError. */
export async function putTenant({ user }: Sides, config: TenantConfig): Promise<Written<Namespace>> {
  const { tenantName } = config;
  return afterRaces(async () => {
    const existing = await find(user, namespaceKind, objectName("tenants", tenantName, ""));
    return existing === undefined
      ? { object: await user.create(namespaceKind, namespaceOf(config), BY_US), verb: "create" }
      : { object: unchanged(existing, config), verb: "none" };
  });
}

/** Throws ContivError 409 if the config is another tenant's. */
function unchanged(existing: Namespace, config: TenantConfig): Namespace {
  const { tenantName } = config;
  requireName("tenants", existing, tenantName);
  if (existing.metadata.deletionTimestamp !== undefined)
    throw new ContivError(409, `tenant ${tenantName} is being deleted: try again when it is gone`);
  const { defaultNetwork } = tenantConfig(existing);
  // Who leaves it out, as netctl does, does not ask for another.
  if (config.defaultNetwork && config.defaultNetwork !== defaultNetwork)
    throw new ContivError(409, `Cant change tenant parameters after its created: ${tenantName}`);
  return existing;
}

/**
 * Returns when it is gone. Kubernetes would remove all that is in a namespace; netmaster refuses while there is something.
 * Throws ContivError or ApiError.
 */
export async function removeTenant(
  { user, own }: Sides,
  tenantName: string,
  patience: number,
): Promise<void> {
  const name = objectName("tenants", tenantName, "");
  const notFound = (): ContivError => objectNotFound("tenants", tenantName);
  const namespace = await orNotFound(user.get(namespaceKind, name), notFound);
  const problems = await contents(own, tenantName, name.name);
  if (problems.length > 0) throw new ContivError(409, problems);
  await orNotFound(user.delete(namespaceKind, name), notFound);
  const { uid } = namespace.metadata;
  const { came } = await until(own, namespaceKind, { ...name, uid }, patience, (one) => one === undefined);
  if (!came)
    throw new ContivError(
      504,
      `tenant ${tenantName} is being deleted, and not gone after ${patience / 1000} seconds: kubectl describe namespace ${name.name} says what is left in it`,
    );
}

/** Throws ContivError 404 unless there is a tenant of this name. */
export async function requireTenant(own: Sides["own"], tenantName: string): Promise<void> {
  if ((await find(own, namespaceKind, objectName("tenants", tenantName, ""))) === undefined)
    throw new ContivError(404, [{ field: "tenantName", message: `Tenant ${tenantName} not found` }]);
}

async function contents(own: Sides["own"], tenantName: string, namespace: string): Promise<Problem[]> {
  const [networks, services, pods] = await Promise.all([
    listOf(own, networkKind, namespace),
    listOf(own, serviceKind, namespace),
    listOf(own, podKind, namespace),
  ]);
  const counts: readonly (readonly [number, string])[] = [
    [networks.length, "networks"],
    // The API server's own, which comes back whenever it is removed.
    [services.filter(({ metadata }) => metadata.name !== "kubernetes").length, "services"],
    [pods.filter(isUp).length, "endpoints"],
  ];
  return counts
    .filter(([count]) => count > 0)
    .map(([count, what]) => ({ message: `cannot delete ${tenantName} has ${count} ${what}` }));
}
