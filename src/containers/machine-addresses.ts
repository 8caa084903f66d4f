/** The addresses by which others reach this machine. */
import { networkInterfaces } from "node:os";
import { cidr, cidrContains, formatIp, type Ip } from "../base/ip.ts";
import { RouteSocket } from "../net/rtnetlink/route-socket.ts";
import { callInNetns } from "../sys/netns.ts";

/** Where containers' and pods' own networks are: Docker's bridges, their ports, and the bridge of pods that are processes. */
const POD_SIDE = /^(docker\d+|br-[0-9a-f]{12}|veth.*|fairlead\d+)$/;

/** What nobody outside of a link or of this namespace calls it by. */
const NOT_OURS_ALONE = ["127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10"].map(cidr);

/** Of the interfaces of a namespace, without loopback, link-local and pods' sides; the caller's namespace if none is named. */
export function machineAddresses(netns?: string): string[] {
  return Object.entries(callInNetns(netns, networkInterfaces))
    .filter(([name]) => !POD_SIDE.test(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !/^(fe80:|169\.254\.)/.test(address))
    .map(({ address }) => address);
}

/**
 * Those of pods' sides, too, and of interfaces without a carrier, which Node's own list leaves out: a bridge without a
 * container is one. Throws NetlinkError.
 */
export async function allAddresses(netns?: string): Promise<string[]> {
  using routes = await RouteSocket.open(netns === undefined ? {} : { netns });
  const isOurs = (address: Ip): boolean => !NOT_OURS_ALONE.some((range) => cidrContains(range, address));
  return routes
    .addresses()
    .map(({ address }) => address)
    .filter(isOurs)
    .map(formatIp);
}
