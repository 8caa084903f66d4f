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
import { decodeConnection, deleteConnections, dumpConnections } from "../../net/conntrack/conntrack.ts";
import { L4_PROTOCOL } from "../../net/nftables/expressions.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";
import type { NetfilterSocket } from "./kernel-state.ts";
import { latin1 } from "./keys.ts";
import type { ProgrammedPort } from "./plan.ts";
import type { IpVersion } from "./ruleset.ts";

/** A virtual port as programmed, or the key of one that was removed. */
export type UdpPort = Pick<ProgrammedPort, "version" | "key" | "slots">;

/** More ports than this are looked for in one dump of all UDP flows instead of one for each port. */
const MAX_DUMPS = 4;
/** Deletions in one request, so that its answers fit the socket's buffer. */
const MAX_DELETIONS = 1000;

const FAMILY = { 4: ConntrackFamily.ipv4, 6: ConntrackFamily.ipv6 } as const;

export function isUdp(port: UdpPort): boolean {
  return port.key[addressLength(port.version)] === L4_PROTOCOL.udp;
}

function addressLength(version: IpVersion): 4 | 16 {
  return version === 4 ? 4 : 16;
}

/** Deletes the flows of `ports` (which are UDP) that end elsewhere than at their endpoints; how many. */
export function cutStaleFlows(socket: NetfilterSocket, ports: readonly UdpPort[]): number {
  const endpoints = new Map(ports.map((port) => [latin1(port.key), new Set(port.slots)]));
  const flows = ports.length <= MAX_DUMPS ? flowsOfEach(socket, ports) : allFlows(socket, ports);
  const stale = flows.filter((flow) => isStale(flow, endpoints));
  for (let at = 0; at < stale.length; at += MAX_DELETIONS)
    deleteFlows(socket, stale.slice(at, at + MAX_DELETIONS));
  return stale.length;
}

function flowsOfEach(socket: NetfilterSocket, ports: readonly UdpPort[]): Connection[] {
  return ports.flatMap(({ version, key }) => {
    const length = addressLength(version);
    const filter = {
      protocol: L4_PROTOCOL.udp,
      originalDestination: key.subarray(0, length),
      originalDestinationPort: (key[length + 4]! << 8) | key[length + 5]!,
    };
    return socket.dump(dumpConnections(FAMILY[version], filter)).map(decodeConnection);
  });
}

function allFlows(socket: NetfilterSocket, ports: readonly UdpPort[]): Connection[] {
  return ([4, 6] as const)
    .filter((version) => ports.some((port) => port.version === version))
    .flatMap((version) => socket.dump(dumpConnections(FAMILY[version], { protocol: L4_PROTOCOL.udp })))
    .map(decodeConnection);
}

function isStale(flow: Connection, endpoints: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  const { original, reply } = flow;
  // Kernels before 5.8 do not filter.
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

function deleteFlows(socket: NetfilterSocket, flows: readonly Connection[]): void {
  try {
    socket.transact(deleteConnections(flows));
  } catch (error) {
    // Flows that ended by themselves meanwhile are as good as deleted.
    if (error instanceof NetlinkError && error.refusals.every(({ code }) => code === "ENOENT")) return;
    throw error;
  }
}
