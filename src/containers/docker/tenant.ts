/**
 * Which namespace a container's Pod is in: the one that its label `fairlead.dev/namespace` names; else that of the Network
 * which its network of the engine is of; else `default`. Pure.
 */
import { dns1123LabelComplaints } from "../../api/validation/names.ts";
import type { ContainerInspect } from "./engine-types.ts";
import { NAMESPACE_LABEL, NETWORK_LABEL } from "./marks.ts";
import { isNetworkOfRun, MAX_HOPS } from "./pod-addresses.ts";

/** One of the networks that a container is on. */
export interface Leg {
  readonly network: string;
  /** The network's id; undefined of a container that has never run. */
  readonly id: string | undefined;
}

export interface TenantContext {
  /** Another container of the engine, by id. */
  readonly container: (id: string) => ContainerInspect | undefined;
  /** The namespace of the Network that a network of the engine is of; undefined: of none, "unknown": the engine has no such. */
  readonly namespaceOfNetwork: (leg: Leg) => string | undefined | { readonly unknown: true };
}

/**
 * The leg whose network says whose the container is: chosen as its address is (pod-addresses.ts), but whether or not it
 * has one now, for a container that stops stays whose it was.
 */
export function tenantLeg(
  of: ContainerInspect,
  container: TenantContext["container"],
  hops = 0,
): Leg | undefined {
  const mode = of.HostConfig.NetworkMode ?? "default";
  if (mode.startsWith("container:")) {
    const other = hops === MAX_HOPS ? undefined : container(mode.slice("container:".length));
    return other && tenantLeg(other, container, hops + 1);
  }
  const networks = of.NetworkSettings.Networks ?? {};
  const names = Object.keys(networks).sort();
  const wanted = of.Config.Labels?.[NETWORK_LABEL];
  const network =
    names.find((name) => name === wanted) ?? names.find((name) => isNetworkOfRun(of, name)) ?? names[0];
  return network === undefined ? undefined : { network, id: networks[network]?.NetworkID || undefined };
}

/**
 * `before` is where its Pod is now. It stays there while the container does not run, or where its network is not to be
 * found: a stopped container's network may be gone, and a Pod that moved would lose what people have written to it.
 */
export function tenantOf(
  of: ContainerInspect,
  context: TenantContext,
  before: string | undefined,
  stopping: boolean,
): string {
  const label = of.Config.Labels?.[NAMESPACE_LABEL];
  // One that cannot be a namespace is told of on the Pod (podLabels).
  if (label !== undefined) return dns1123LabelComplaints(label).length === 0 ? label : "default";
  if (before !== undefined && (stopping || !of.State.Running)) return before;
  const leg = tenantLeg(of, context.container);
  const found = leg === undefined ? { unknown: true } : context.namespaceOfNetwork(leg);
  return typeof found === "object" ? (before ?? "default") : (found ?? "default");
}
