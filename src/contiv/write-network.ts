/** Making and removing networks, with the container engine's network of each: a request ends when that is there or gone. */
import { networkType } from "../api/network/defaults.ts";
import { networkKind } from "../api/network/kind.ts";
import { readyCondition } from "../api/network/ready-condition.ts";
import type { Network } from "../api/network/type.ts";
import { nodeKind } from "../api/node/kind.ts";
import type { Client } from "../client/client.ts";
import { isOtherNetwork, networkOf } from "./network.ts";
import { objectNotFound, orNotFound } from "./not-found.ts";
import { ContivError } from "./refusal.ts";
import { find, listOf, objectName, type Sides } from "./sides.ts";
import { until } from "./until.ts";
import type { NetworkConfig } from "./wire.ts";
import { requireTenant } from "./write-tenant.ts";
import { afterRaces, BY_US, requireName, type Written } from "./written.ts";

/** How long the engine has for a network, milliseconds. */
export const ENGINE_PATIENCE = 15_000;

/**
 * Creates the network, and waits for the engine's where there is an engine. The same again changes nothing, and another under
 * the same name is refused. Throws ContivError or ApiError; then there is no such network.
 */
export async function putNetwork(
  sides: Sides,
  config: NetworkConfig,
  patience: number,
): Promise<Written<Network>> {
  const { user, own } = sides;
  const { tenantName, networkName } = config;
  const { object, verb } = await afterRaces(async (): Promise<Written<Network>> => {
    const existing = await find(user, networkKind, objectName("networks", tenantName, networkName));
    if (existing !== undefined) return { object: unchanged(existing, config), verb: "none" };
    await requireTenant(own, tenantName);
    return { object: await user.create(networkKind, networkOf(config), BY_US), verb: "create" };
  });
  if (networkType(object.spec) === "Infra" || !(await hasEngine(own))) return { object, verb };
  return { object: await engineReady(own, object, patience, verb === "create"), verb };
}

/** Throws ContivError 409 if the config is another network's. */
function unchanged(existing: Network, config: NetworkConfig): Network {
  const key = `${config.tenantName}:${config.networkName}`;
  requireName("networks", existing, config.networkName);
  if (existing.metadata.deletionTimestamp !== undefined)
    throw new ContivError(409, `network ${key} is being deleted: try again when it is gone`);
  if (isOtherNetwork(existing, config))
    throw new ContivError(409, `Cant change network parameters after its created: ${key}`);
  return existing;
}

/** Whether some node's containers are an engine's, which has networks of its own. */
async function hasEngine(own: Client): Promise<boolean> {
  const nodes = await listOf(own, nodeKind);
  return nodes.some(({ status }) =>
    /^(docker|podman):\/\//.test(status?.nodeInfo?.containerRuntimeVersion ?? ""),
  );
}

/**
 * The network when the engine has it. When it has refused, or says nothing, the network is taken back by whoever has `made`
 * it; others who ask for the same meanwhile are told the same.
 */
async function engineReady(own: Client, network: Network, patience: number, made: boolean): Promise<Network> {
  const name = nameOf(network);
  const deleted = (): ContivError =>
    new ContivError(409, `network ${name.name} was deleted while it was being created`);
  const { object, came } = await until(own, networkKind, name, patience, (one) => {
    const status = one === undefined ? "gone" : readyCondition(one)?.status;
    return status === "True" || status === "False" || status === "gone";
  });
  if (object === undefined) throw deleted();
  const condition = readyCondition(object);
  if (condition?.status === "True") return object;
  if (made) {
    const preconditions = { uid: network.metadata.uid! };
    await orNotFound(own.delete(networkKind, name, { preconditions }), deleted);
    await until(own, networkKind, name, patience, (one) => one === undefined);
  }
  const words = condition?.message ?? "it has said nothing of it";
  if (came) throw new ContivError(409, `the container engine refused the network: ${words}`);
  throw new ContivError(
    504,
    `the container engine did not make the network within ${patience / 1000} seconds: ${words}`,
  );
}

function nameOf({ metadata: { namespace = "", name = "", uid } }: Network) {
  return { namespace, name, uid };
}

/** Returns when it is gone, the engine's network too. Throws ContivError or ApiError; the server refuses what is in use. */
export async function removeNetwork(
  { user, own }: Sides,
  tenantName: string,
  networkName: string,
  patience: number,
): Promise<void> {
  const key = `${tenantName}:${networkName}`;
  const name = objectName("networks", tenantName, networkName);
  const network = await find(own, networkKind, name);
  await orNotFound(user.delete(networkKind, name), () => objectNotFound("networks", key));
  if (network === undefined) return;
  const { object, came } = await until(
    own,
    networkKind,
    nameOf(network),
    patience,
    (one) => one === undefined,
  );
  if (came) return;
  const words = readyCondition(object!)?.message ?? "the container engine has said nothing of it";
  throw new ContivError(
    504,
    `network ${key} is being deleted, and not gone after ${patience / 1000} seconds: ${words}`,
  );
}
