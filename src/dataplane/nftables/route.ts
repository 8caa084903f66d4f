/**
 * Lets this host itself reach virtual addresses.
 *
 * A connection of the host is translated in the output hook, which it reaches only if some route leads to the virtual
 * address. Where there is none (no default route), connect(2) fails with ENETUNREACH before anything of ours is asked.
 * There, and only there, we add a route over the loopback interface: the address is translated, and the packet routed
 * again, before it matters where the route leads.
 *
 * Forms that were tried on Linux 6.18: for IPv4 a unicast route, because a local one would make the host answer ARP
 * for the addresses; for IPv6 a local one, because unicast routes over loopback are made to reject.
 */
import type { Cidr } from "../../base/ip.ts";
import { cidrAddress, cidrSize, formatCidr } from "../../base/ip.ts";
import type { NewRoute, RouteSocket } from "../../net/rtnetlink/route-socket.ts";
import { Table } from "../../net/rtnetlink/route.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";

/** RTPROT of our routes, of the numbers that /etc/iproute2/rt_protos leaves free: `ip route show proto 170`. */
export const ROUTE_PROTOCOL = 170;

export interface RouteReport {
  readonly kept: number;
  readonly written: number;
}

/**
 * Makes routes for those of `ranges` that nothing leads to, and removes ours for other ranges. While the loopback
 * interface is down there can be none (see {@link loopbackProblem}): what comes from elsewhere is served all the same,
 * and the next call tries again.
 */
export function ensureRoutes(socket: RouteSocket, ranges: readonly Cidr[]): RouteReport {
  const wanted = new Map(ranges.map((range) => [formatCidr(range), range]));
  const ours = new Map(ourRoutes(socket).map((route) => [formatCidr(route.destination), route]));
  let kept = 0;
  let written = 0;
  for (const [text, route] of ours)
    if (wanted.has(text)) kept++;
    else {
      socket.deleteRoute(route);
      written++;
    }
  for (const [text, range] of wanted)
    if (!ours.has(text) && !isReachable(socket, range) && addRoute(socket, range)) written++;
  return { kept, written };
}

/** Why the host itself may not reach virtual addresses, and what to do, for people; undefined: it may. */
export function loopbackProblem(socket: RouteSocket): string | undefined {
  if (socket.link("lo")?.up === true) return undefined;
  return (
    "the loopback interface is down, so processes here reach neither themselves nor virtual addresses that no other " +
    "route leads to; connections from elsewhere are served: ip link set lo up"
  );
}

/** False if the loopback interface is down. */
function addRoute(socket: RouteSocket, range: Cidr): boolean {
  try {
    socket.addRoute(loopbackRoute(range, socket.linkIndex("lo")));
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === "ENETDOWN") return false;
    throw error;
  }
}

/** Removes all our routes. */
export function removeRoutes(socket: RouteSocket): void {
  for (const route of ourRoutes(socket)) socket.deleteRoute(route);
}

function ourRoutes(socket: RouteSocket): NewRoute[] {
  return ([4, 6] as const).flatMap((family) => socket.routes({ family, protocol: ROUTE_PROTOCOL }));
}

function loopbackRoute(range: Cidr, link: number): NewRoute {
  const route = { destination: range, link, protocol: ROUTE_PROTOCOL };
  return range.base.family === 4 ? route : { ...route, type: "local", table: Table.local };
}

const UNREACHABLE: ReadonlySet<string> = new Set(["ENETUNREACH", "EHOSTUNREACH"]);

function isReachable(socket: RouteSocket, range: Cidr): boolean {
  try {
    socket.routeTo(cidrAddress(range, cidrSize(range) > 1n ? 1 : 0));
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && UNREACHABLE.has(error.code)) return false;
    throw error;
  }
}
