/**
 * Cuts UDP flows loose from endpoints that are no more.
 *
 * The kernel translates the packets of a flow as it did its first one, and a UDP flow lasts as long as packets come
 * (a client with a fixed source port: for ever). So entries whose packets were sent to a virtual port and are answered
 * by something that is not one of its endpoints are deleted, and the next packet chooses anew. TCP is left alone:
 * that is how connections to a removed endpoint are drained.
 */
import type { Connection } from "../../net/conntrack/model.ts";
import { ConntrackFamily } from "../../net/conntrack/model.ts";
import { L4_PROTOCOL } from "../../net/nftables/expressions.ts";
import { latin1 } from "./keys.ts";
import type { ProgrammedPort } from "./plan.ts";
import type { ConntrackPort } from "./port.ts";
import type { IpVersion } from "./ruleset.ts";

/** A virtual port as programmed, or the key of one that was removed. */
export type UdpPort = Pick<ProgrammedPort, "version" | "key" | "slots">;

/** More ports than this are looked for in one dump of all UDP flows instead of one for each port. */
const MAX_DUMPS = 4;

const FAMILY = { 4: ConntrackFamily.ipv4, 6: ConntrackFamily.ipv6 } as const;

export function isUdp(port: UdpPort): boolean {
  return port.key[addressLength(port.version)] === L4_PROTOCOL.udp;
}

function addressLength(version: IpVersion): 4 | 16 {
  return version === 4 ? 4 : 16;
}

/** Deletes the flows of `ports` (which are UDP) that end elsewhere than at their endpoints; how many. */
export function cutStaleFlows(conntrack: ConntrackPort, ports: readonly UdpPort[]): number {
  const endpoints = new Map(ports.map((port) => [latin1(port.key), new Set(port.slots)]));
  const flows = ports.length <= MAX_DUMPS ? flowsOfEach(conntrack, ports) : allFlows(conntrack, ports);
  const stale = flows.filter((flow) => isStale(flow, endpoints));
  if (stale.length > 0) conntrack.forget(stale);
  return stale.length;
}

function flowsOfEach(conntrack: ConntrackPort, ports: readonly UdpPort[]): Connection[] {
  return ports.flatMap(({ version, key }) => {
    const length = addressLength(version);
    const filter = {
      protocol: L4_PROTOCOL.udp,
      originalDestination: key.subarray(0, length),
      originalDestinationPort: (key[length + 4]! << 8) | key[length + 5]!,
    };
    return conntrack.connections(FAMILY[version], filter);
  });
}

function allFlows(conntrack: ConntrackPort, ports: readonly UdpPort[]): Connection[] {
  return ([4, 6] as const)
    .filter((version) => ports.some((port) => port.version === version))
    .flatMap((version) => conntrack.connections(FAMILY[version], { protocol: L4_PROTOCOL.udp }));
}

function isStale(flow: Connection, endpoints: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  const { original, reply } = flow;
  // The kernel may give more than it was asked for.
  if (original.protocol !== L4_PROTOCOL.udp) return false;
  const port =
    latin1(original.destination) +
    String.fromCharCode(original.protocol, 0, 0, 0) +
    portText(original.destinationPort);
  const current = endpoints.get(port);
  return current !== undefined && !current.has(latin1(reply.source) + portText(reply.sourcePort));
}

/** A port in a register of its own, one character for a byte. */
function portText(port = 0): string {
  return String.fromCharCode(port >>> 8, port & 0xff, 0, 0);
}
