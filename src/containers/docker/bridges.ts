/** The bridges that Docker's networks are, and what the kernel's way of bridging asks of a data plane. */
import { formatIp, parseIp } from "../../base/ip.ts";
import type { RouteSocket } from "../../net/rtnetlink/route-socket.ts";
import { readSysctl } from "../../sys/sysctl.ts";
import type { NetworkSummary } from "./engine-types.ts";

export interface DockerBridge {
  /** The network's name. */
  readonly network: string;
  /** The interface: "docker0", "br-0123456789ab". */
  readonly name: string;
  readonly subnets: readonly string[];
  /** No way out of the host. */
  readonly internal: boolean;
}

/** Whether frames between ports of one bridge pass iptables and nftables (the module br_netfilter). */
export interface BridgeNetfilter {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

const BRIDGE_NAME_OPTION = "com.docker.network.bridge.name";

/**
 * The interface of each network that is a bridge: the one with the network's gateway as its address, by
 * `interfaceOf`. Where there is none yet, Docker's name for it: an option's, or br- and 12 digits of the network's id.
 */
export function bridgesOf(
  networks: readonly NetworkSummary[],
  interfaceOf: (address: string) => string | undefined = () => undefined,
): DockerBridge[] {
  return networks
    .filter(({ Driver }) => Driver === "bridge")
    .map((network) => {
      const ranges = network.IPAM?.Config ?? [];
      const gateways = ranges.map(({ Gateway }) => interfaceOf(Gateway ?? ""));
      const named = network.Options?.[BRIDGE_NAME_OPTION] ?? `br-${network.Id.slice(0, 12)}`;
      return {
        network: network.Name,
        name: gateways.find((name) => name !== undefined) ?? named,
        subnets: ranges.map(({ Subnet = "" }) => Subnet).filter((subnet) => subnet !== ""),
        internal: network.Internal === true,
      };
    })
    .sort((a, b) => (a.network < b.network ? -1 : 1)); // the engine lists networks in no order
}

/** For {@link bridgesOf}: the interfaces of the socket's namespace by their addresses. */
export function interfacesByAddress(routes: RouteSocket): (address: string) => string | undefined {
  const names = new Map(routes.links().map(({ index, name }) => [index, name]));
  const byAddress = new Map(
    routes.addresses().map(({ address, link }) => [formatIp(address), names.get(link)]),
  );
  return (address) => {
    const parsed = parseIp(address);
    return parsed && byAddress.get(formatIp(parsed));
  };
}

/**
 * The addresses of this host on these bridges, link-local ones left out. Asked of the kernel: the engine does not always
 * say which it took.
 */
export function gatewaysOf(routes: RouteSocket, bridges: readonly DockerBridge[]): string[] {
  const indexes = new Map(routes.links().map(({ index, name }) => [name, index]));
  const addresses = routes.addresses();
  return bridges.flatMap(({ name }) =>
    addresses
      .filter(({ link }) => link === indexes.get(name))
      .map(({ address }) => formatIp(address))
      .filter((address) => !address.startsWith("fe80:")),
  );
}

/** As the namespace has it; off where the kernel does not know the setting, because the module is not loaded. */
export function bridgeNetfilter(netns?: string): BridgeNetfilter {
  return {
    ipv4: isOn("net/bridge/bridge-nf-call-iptables", netns),
    ipv6: isOn("net/bridge/bridge-nf-call-ip6tables", netns),
  };
}

function isOn(setting: string, netns: string | undefined): boolean {
  try {
    return readSysctl(setting, netns) === "1";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/**
 * The pairs of interfaces, in and out, between which connections must be masqueraded. Without br_netfilter the answer
 * of a provider to a client on the same bridge goes straight to the client, past the translation of its address. Where
 * Docker drops what containers of one bridge send to the addresses of another's (`apart`), answers can only go to the host.
 */
export function masqueradeBridges(
  bridges: readonly DockerBridge[],
  netfilter: BridgeNetfilter,
  apart: boolean = false,
): (readonly [input: string, output: string])[] {
  const past = netfilter.ipv4 && netfilter.ipv6 ? [] : bridges.map(({ name }) => [name, name] as const);
  if (!apart) return past;
  const between = bridges.flatMap(({ name: input }) =>
    bridges.filter(({ name }) => name !== input).map(({ name: output }) => [input, output] as const),
  );
  return [...past, ...between];
}

/**
 * Lets frames go back out of the port they came in by, on all ports of these bridges. With br_netfilter a packet of a
 * provider to itself, through its virtual address, is translated in the bridge and has to take that way.
 * Returns the indexes of the ports that were changed.
 */
export function enableHairpin(routes: RouteSocket, bridges: readonly DockerBridge[]): number[] {
  const links = routes.links();
  const names = new Set(bridges.map(({ name }) => name));
  const masters = new Set(links.filter(({ name }) => names.has(name)).map(({ index }) => index));
  const ports = links.filter(
    ({ master, bridgePort }) => master !== undefined && masters.has(master) && bridgePort?.hairpin === false,
  );
  return ports.filter(({ index }) => setHairpin(routes, index, true)).map(({ index }) => index);
}

/** False if the port is gone: its container has just ended. */
export function setHairpin(routes: RouteSocket, index: number, hairpin: boolean): boolean {
  if (routes.link(index)?.bridgePort === undefined) return false;
  routes.setLink(index, { bridgePort: { hairpin } });
  return true;
}
