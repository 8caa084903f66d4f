/**
 * Which addresses a container's Pod has. Pure.
 *
 * A container on one network has its addresses there. On several, in this order: the network that the label
 * `fairlead.dev/network` names; the one of `docker run --network`; the first by name.
 */
import type { ContainerInspect, EndpointSettings } from "./engine-types.ts";
import { NETWORK_LABEL } from "./marks.ts";
import { containerName } from "./pod-name.ts";

export interface PodAddresses {
  /** At most one of each family, IPv4 first. */
  readonly addresses: readonly string[];
  /** The network that they are of; undefined without one of the engine's. */
  readonly network: string | undefined;
  /** Its addresses on the engine's other networks, by their names. Of a network that it shares, the other container tells. */
  readonly others: Readonly<Record<string, readonly string[]>>;
  readonly hostNetwork: boolean;
  /** Why there are none, for people. */
  readonly missing: string | undefined;
}

export interface AddressContext {
  /** Of the machine, primary first: what a container on the host's network has. */
  readonly nodeAddresses: readonly string[];
  /** Another container of the engine, by id. */
  readonly container: (id: string) => ContainerInspect | undefined;
}

/** `--network container:X` of a container that itself is `container:Y` is refused by engines; this bounds nonsense. */
export const MAX_HOPS = 8;

export function podAddresses(of: ContainerInspect, context: AddressContext, hops = 0): PodAddresses {
  const mode = of.HostConfig.NetworkMode ?? "default";
  if (mode === "host") {
    const addresses = onePerFamily(context.nodeAddresses);
    const missing = addresses.length === 0 ? "the node has no address" : undefined;
    return { addresses, network: "host", others: {}, hostNetwork: true, missing };
  }
  if (mode.startsWith("container:"))
    return { ...sharedAddresses(mode.slice("container:".length), context, hops), others: {} };
  const networks = of.NetworkSettings.Networks ?? {};
  const name = chooseNetwork(of, mode, networks);
  const others = addressesBut(typeof name === "string" ? name : undefined, networks);
  if (typeof name !== "string") return { ...none(name.missing), others };
  const addresses = addressesOn(networks[name]!);
  if (addresses.length === 0) return { ...none(`it has no address on the network ${name}`), others };
  return { addresses, network: name, others, hostNetwork: false, missing: undefined };
}

function sharedAddresses(id: string, context: AddressContext, hops: number): PodAddresses {
  const other = context.container(id);
  if (other === undefined || hops === MAX_HOPS)
    return none(`it shares the network of container ${id.slice(0, 12)}, which is not there`);
  if (!other.State.Running)
    return none(`it shares the network of container ${containerName(other)}, which does not run`);
  return podAddresses(other, context, hops + 1);
}

function chooseNetwork(
  of: ContainerInspect,
  mode: string,
  networks: Readonly<Record<string, EndpointSettings>>,
): string | { readonly missing: string } {
  const names = Object.keys(networks).sort();
  const wanted = of.Config.Labels?.[NETWORK_LABEL];
  if (wanted !== undefined) {
    if (networks[wanted] !== undefined) return wanted;
    const on = names.length === 0 ? "on no network" : `on ${names.join(", ")}`;
    return { missing: `its label ${NETWORK_LABEL} names the network ${wanted}, and it is ${on}` };
  }
  const withAddress = names.filter((name) => hasAddress(networks[name]!));
  const chosen = withAddress.find((name) => isNetworkOfRun(of, name)) ?? withAddress[0];
  if (chosen !== undefined) return chosen;
  if (names.length === 0 || mode === "none") return { missing: "it is on no network" };
  return { missing: `it has no address on ${names.join(", ")}` };
}

/** Whether it is the network of `docker run --network`, which may have been given by its id. */
export function isNetworkOfRun({ HostConfig, NetworkSettings }: ContainerInspect, name: string): boolean {
  const { NetworkMode: mode = "default" } = HostConfig;
  const wanted = mode === "default" ? "bridge" : mode;
  return name === wanted || NetworkSettings.Networks?.[name]?.NetworkID === wanted;
}

function addressesOn({ IPAddress = "", GlobalIPv6Address = "" }: EndpointSettings): string[] {
  return [IPAddress, GlobalIPv6Address].filter((address) => address !== "");
}

function hasAddress(endpoint: EndpointSettings): boolean {
  return addressesOn(endpoint).length > 0;
}

/** By name, in the order of names, so that the same is written the same. */
function addressesBut(
  chosen: string | undefined,
  networks: Readonly<Record<string, EndpointSettings>>,
): Record<string, readonly string[]> {
  const names = Object.keys(networks).filter((name) => name !== chosen && hasAddress(networks[name]!));
  return Object.fromEntries(names.sort().map((name) => [name, addressesOn(networks[name]!)]));
}

function none(missing: string): PodAddresses {
  return { addresses: [], network: undefined, others: {}, hostNetwork: false, missing };
}

/** status.podIPs has at most one address of each family. */
function onePerFamily(addresses: readonly string[]): string[] {
  const four = addresses.find((address) => !address.includes(":"));
  const six = addresses.find((address) => address.includes(":"));
  return [four, six].filter((address) => address !== undefined);
}
