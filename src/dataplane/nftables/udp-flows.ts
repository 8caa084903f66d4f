/**
 * Cuts UDP flows loose from endpoints that are no more.
 *
 * The kernel translates the packets of a flow as it did its first one, and a UDP flow lasts as long as packets come
 * (a client with a fixed source port: for ever). So entries whose packets were sent to a virtual port and are answered
 * by something that is not one of its endpoints are deleted, and the next packet chooses anew: also those that were made
 * before the port was there. TCP and SCTP are left alone: that is how connections to a removed endpoint are drained.
 */
import type { Cidr, Ip } from "../../base/ip.ts";
import { cidrContains, formatIp, ipFromBytes } from "../../base/ip.ts";
import type { Connection, ConnectionFilter } from "../../net/conntrack/model.ts";
import { ConntrackFamily } from "../../net/conntrack/model.ts";
import { L4_PROTOCOL } from "../../net/nftables/expressions.ts";
import { virtualPortKey } from "../table.ts";
import { NO_CHOICE } from "./choice.ts";
import { latin1 } from "./keys.ts";
import type { ConntrackPort } from "./port.ts";
import type { Programmed, ProgrammedPort } from "./programmed.ts";
import type { IpVersion } from "./sets.ts";

/** A virtual port as programmed, or one that was removed: without endpoints. */
export type FlowPort = Pick<ProgrammedPort, "version" | "key" | "isNode"> & {
  readonly all: Pick<ProgrammedPort["all"], "slots">;
  readonly external: Pick<ProgrammedPort["all"], "slots"> | undefined;
  /** Where stale flows may end, if that is known: at endpoints that it has lost, in the form of slots. @default {anywhere} */
  readonly lost?: ReadonlySet<string> | undefined;
};

/** What tells whose flow one is. */
export interface FlowHost {
  readonly programmed: Pick<Programmed, "ports" | "ranges" | "counts">;
  /** Sources inside the cluster. */
  readonly pods: readonly Cidr[];
  /** Whether the address is one of this host's. */
  readonly isLocal: (address: Ip) => boolean;
}

/** Every look walks the whole hash of connections: if more are needed, all UDP flows are read instead. */
const MAX_WALKS = 4;

const FAMILY = { 4: ConntrackFamily.ipv4, 6: ConntrackFamily.ipv6 } as const;

export function isUdp(port: Pick<FlowPort, "version" | "key">): boolean {
  return port.key[addressLength(port.version)] === L4_PROTOCOL.udp;
}

/** The port with this key as it is when it is removed. */
export function removedPort(version: IpVersion, key: Uint8Array): FlowPort {
  const isNode = key.subarray(0, addressLength(version)).every((byte) => byte === 0);
  return { version, key, isNode, all: NO_CHOICE, external: undefined };
}

/** Endpoints, as in slots, that some clients had before and do not have now: flows to them are stale. An endpoint more is no reason. */
export function lostEnds(
  before: Pick<FlowPort, "all" | "external">,
  now: Pick<FlowPort, "all" | "external">,
): ReadonlySet<string> {
  const lost = (had: FlowPort["all"], has: FlowPort["all"]): Set<string> =>
    new Set(had.slots).difference(new Set(has.slots));
  return lost(before.all, now.all).union(lost(before.external ?? before.all, now.external ?? now.all));
}

function addressLength(version: IpVersion): 4 | 16 {
  return version === 4 ? 4 : 16;
}

function portNumber({ version, key }: FlowPort): number {
  const at = addressLength(version) + 4;
  return (key[at]! << 8) | key[at + 1]!;
}

/**
 * Deletes the flows of `ports` (which are UDP) that end elsewhere than at their endpoints; how many, not counting those that
 * the kernel found itself. It does that with the flows of one address to one lost endpoint: they are not to be told, read
 * and deleted one by one, which takes 0.7 s for 100,000.
 */
export function cutStaleFlows(conntrack: ConntrackPort, all: readonly FlowPort[], host: FlowHost): number {
  const ports = forgetLost(conntrack, all);
  if (ports.length === 0) return 0;
  const changed = new Map(ports.map((port) => [latin1(port.key), new FlowEnds(port, host)]));
  const stale = new Set(
    flowsOf(conntrack, ports).filter((flow) => portOf(flow, changed, host)?.isStale(flow) === true),
  );
  if (stale.size > 0) conntrack.forget([...stale]);
  return stale.size;
}

/** Lets the kernel forget what ends at lost endpoints, whoever sent it. Gives the ports of which it cannot. */
function forgetLost(conntrack: ConntrackPort, ports: readonly FlowPort[]): readonly FlowPort[] {
  // Of a node port the kernel would have to know the node's addresses. IPv6: see dumpConnections().
  const { known = [], others = [] } = Object.groupBy(ports, ({ version, isNode, external, lost }) =>
    version === 4 && !isNode && external === undefined && lost !== undefined ? "known" : "others",
  );
  const filters = known.flatMap((port) => {
    const lost = port.lost!.difference(new Set(port.all.slots));
    return lost.size === 0 ? [] : filtersOf({ ...port, lost });
  });
  if (filters.length > MAX_WALKS) return ports;
  return filters.every((filter) => conntrack.forgetMatching(filter)) ? others : ports;
}

/** At least the flows of the ports that may be stale, in as few looks as can be. */
function flowsOf(conntrack: ConntrackPort, ports: readonly FlowPort[]): Connection[] {
  for (const each of [ports, ports.map((port) => ({ ...port, lost: undefined }))]) {
    const looks = each.flatMap((port) =>
      filtersOf(port).map((filter) => ({ family: FAMILY[port.version], filter })),
    );
    if (looks.length <= MAX_WALKS)
      return looks.flatMap(({ family, filter }) => conntrack.connections(family, filter));
  }
  return allFlows(conntrack, ports);
}

/** At least the flows of the port that may be stale: one for each lost endpoint, if those are known. */
function filtersOf(port: FlowPort): ConnectionFilter[] {
  const { version, key, isNode, lost } = port;
  const length = addressLength(version);
  const filter = {
    protocol: L4_PROTOCOL.udp,
    ...(isNode ? {} : { originalDestination: key.subarray(0, length) }),
    originalDestinationPort: portNumber(port),
  };
  if (lost === undefined) return [filter];
  return Array.from(lost, (slot) => {
    const end = Buffer.from(slot, "latin1");
    return { ...filter, replySource: end.subarray(0, length), replySourcePort: end.readUInt16BE(length) };
  });
}

function allFlows(conntrack: ConntrackPort, ports: readonly FlowPort[]): Connection[] {
  return ([4, 6] as const)
    .filter((version) => ports.some((port) => port.version === version))
    .flatMap((version) => conntrack.connections(FAMILY[version], { protocol: L4_PROTOCOL.udp }));
}

/** The changed port that the flow was made to, if any: one with its very address, else a node port. */
function portOf(
  { original }: Connection,
  changed: ReadonlyMap<string, FlowEnds>,
  { programmed, isLocal }: FlowHost,
): FlowEnds | undefined {
  // The kernel may give more than it was asked for.
  if (original.protocol !== L4_PROTOCOL.udp) return undefined;
  const rest = String.fromCharCode(original.protocol, 0, 0, 0) + portText(original.destinationPort);
  const exact = changed.get(latin1(original.destination) + rest);
  if (exact !== undefined) return exact;
  const node = changed.get("\0".repeat(original.destination.length) + rest);
  if (node === undefined) return undefined;
  const address = ipFromBytes(original.destination);
  const port = original.destinationPort ?? 0;
  const isVirtual =
    programmed.ranges.some((range) => cidrContains(range, address)) ||
    programmed.counts.whole.has(latin1(original.destination)) ||
    programmed.ports.has(virtualPortKey({ address: formatIp(address), protocol: "UDP", port }));
  return isVirtual || !isLocal(address) ? undefined : node;
}

/** Where flows of one virtual port may end. */
class FlowEnds {
  readonly #all: ReadonlySet<string>;
  readonly #external: ReadonlySet<string> | undefined;
  readonly #host: FlowHost;

  constructor({ all, external }: FlowPort, host: FlowHost) {
    this.#all = new Set(all.slots);
    this.#external = external === undefined ? undefined : new Set(external.slots);
    this.#host = host;
  }

  isStale({ original, reply }: Connection): boolean {
    const end = latin1(reply.source) + portText(reply.sourcePort);
    if (this.#external === undefined) return !this.#all.has(end);
    return !(this.#isOutside(ipFromBytes(original.source)) ? this.#external : this.#all).has(end);
  }

  #isOutside(source: Ip): boolean {
    return !this.#host.pods.some((range) => cidrContains(range, source)) && !this.#host.isLocal(source);
  }
}

/** A port in a register of its own, one character for a byte. */
function portText(port = 0): string {
  return String.fromCharCode(port >>> 8, port & 0xff, 0, 0);
}
