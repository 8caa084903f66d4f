/**
 * The networks of the container engine that a mirrored container is on besides the one of its Pod's address. A Pod's status
 * has one address of each family and no place for these, so they are a condition's message: who may make Pods may write any
 * annotation, but of a status only its Node does.
 */
import { parseIp } from "../../base/ip.ts";
import type { Pod, PodCondition } from "./type.ts";

/** The type of the condition; absent if there are none. */
export const OTHER_NETWORKS_CONDITION = "fairlead.dev/OtherNetworks";

/** Its addresses on each, by the engine's name of it, as JSON: `{"back":["10.1.2.130"]}`. */
export function otherNetworksCondition(networks: Readonly<Record<string, readonly string[]>>): PodCondition {
  const message = JSON.stringify(networks);
  return { type: OTHER_NETWORKS_CONDITION, status: "True", reason: "Connected", message };
}

/** What the condition says; what is none of ours is passed over. */
export function otherNetworks({ status }: Pod): ReadonlyMap<string, readonly string[]> {
  const condition = status?.conditions?.find(({ type }) => type === OTHER_NETWORKS_CONDITION);
  const networks = new Map<string, readonly string[]>();
  for (const [name, addresses] of Object.entries(parsed(condition?.message)))
    if (Array.isArray(addresses)) networks.set(name, addresses.filter(isAddress));
  return networks;
}

function isAddress(value: unknown): value is string {
  return typeof value === "string" && parseIp(value) !== undefined;
}

function parsed(text: string | undefined): object {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
