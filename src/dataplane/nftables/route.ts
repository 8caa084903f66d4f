/**
 * Routes over the loopback interface, which let this host itself reach virtual addresses that nothing leads to (with none,
 * no default route either, connect(2) fails with ENETUNREACH before anything of ours is asked). The address is translated,
 * and the packet routed again, before it matters where the route leads.
 *
 * Forms that were tried on Linux 6.18: for IPv4 a unicast route, because a local one would make the host answer ARP
 * for the addresses everywhere; for IPv6 a local one, because unicast routes over loopback are made to reject.
 */
import type { Cidr } from "../../base/ip.ts";
import { cidrAddress, cidrSize } from "../../base/ip.ts";
import type { NewRoute, RouteSocket } from "../../net/rtnetlink/route-socket.ts";
import { Table } from "../../net/rtnetlink/route.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";

/**
 * RTPROT of our routes and proxy entries, of the numbers that /etc/iproute2/rt_protos leaves free:
 * `ip route show proto 170`.
 */
export const ROUTE_PROTOCOL = 170;

/** The loopback interface is the first of every namespace. */
const LOOPBACK = 1;

/** Why the host itself may not reach virtual addresses, and what to do, for people; undefined: it may. */
export function loopbackProblem(socket: RouteSocket): string | undefined {
  if (socket.link("lo")?.up === true) return undefined;
  return (
    "the loopback interface is down, so processes here reach neither themselves nor virtual addresses that no other " +
    "route leads to; connections from elsewhere are served: ip link set lo up"
  );
}

const NO_ROUTE: ReadonlySet<string> = new Set(["ENETDOWN", "EEXIST", "EINVAL"]);

/** False if it cannot be now: loopback is down, somebody else has one there, or its source is no address of ours any more. */
export function addRoute(socket: RouteSocket, route: NewRoute): boolean {
  try {
    socket.addRoute(route);
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && NO_ROUTE.has(error.code)) return false;
    throw error;
  }
}

/** One that has gone already, with its source or with loopback's being up, is as good. */
export function deleteRoute(socket: RouteSocket, route: NewRoute): void {
  try {
    socket.deleteRoute(route);
  } catch (error) {
    if (!(error instanceof NetlinkError && error.code === "ESRCH")) throw error;
  }
}

/** All that carry ROUTE_PROTOCOL. */
export function ourRoutes(socket: RouteSocket): NewRoute[] {
  return ([4, 6] as const).flatMap((family) => socket.routes({ family, protocol: ROUTE_PROTOCOL }));
}

export function loopbackRoute(range: Cidr): NewRoute {
  const route = { destination: range, link: LOOPBACK, protocol: ROUTE_PROTOCOL };
  return range.base.family === 4 ? route : { ...route, type: "local", table: Table.local };
}

const UNREACHABLE: ReadonlySet<string> = new Set(["ENETUNREACH", "EHOSTUNREACH"]);

/** Whether some route leads there. */
export function isReachable(socket: RouteSocket, range: Cidr): boolean {
  try {
    socket.routeTo(cidrAddress(range, cidrSize(range) > 1n ? 1 : 0));
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && UNREACHABLE.has(error.code)) return false;
    throw error;
  }
}
