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
import type { Connection } from "../../net/conntrack/model.ts";
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
};

/** What tells whose flow one is. */
export interface FlowHost {
  readonly programmed: Pick<Programmed, "ports" | "ranges">;
  /** Sources inside the cluster. */
  readonly pods: readonly Cidr[];
  /** Whether the address is one of this host's. */
  readonly isLocal: (address: Ip) => boolean;
}

/** More ports than this are looked for in one dump of all UDP flows instead of one for each port. */
const MAX_DUMPS = 4;

const FAMILY = { 4: ConntrackFamily.ipv4, 6: ConntrackFamily.ipv6 } as const;

export function isUdp(port: Pick<FlowPort, "version" | "key">): boolean {
  return port.key[addressLength(port.version)] === L4_PROTOCOL.udp;
}

/** The port with this key as it is when it is removed. */
export function removedPort(version: IpVersion, key: Uint8Array): FlowPort {
  const isNode = key.subarray(0, addressLength(version)).every((byte) => byte === 0);
  return { version, key, isNode, all: NO_CHOICE, external: undefined };
}

/**
 * Whether flows may end elsewhere than they should now that the port is another: if it was not there, or some clients have lost an
 * endpoint. An endpoint more is no reason.
 */
export function mayHaveStaleFlows(
  before: Pick<FlowPort, "all" | "external"> | undefined,
  now: Pick<FlowPort, "all" | "external">,
): boolean {
  if (before === undefined) return true;
  const loses = (had: FlowPort["all"], has: FlowPort["all"]): boolean =>
    !new Set(had.slots).isSubsetOf(new Set(has.slots));
  return loses(before.all, now.all) || loses(before.external ?? before.all, now.external ?? now.all);
}

function addressLength(version: IpVersion): 4 | 16 {
  return version === 4 ? 4 : 16;
}

function portNumber({ version, key }: FlowPort): number {
  const at = addressLength(version) + 4;
  return (key[at]! << 8) | key[at + 1]!;
}

/** Deletes the flows of `ports` (which are UDP) that end elsewhere than at their endpoints; how many. */
export function cutStaleFlows(conntrack: ConntrackPort, ports: readonly FlowPort[], host: FlowHost): number {
  if (ports.length === 0) return 0;
  const changed = new Map(ports.map((port) => [latin1(port.key), new FlowEnds(port, host)]));
  const flows = ports.length <= MAX_DUMPS ? flowsOfEach(conntrack, ports) : allFlows(conntrack, ports);
  const stale = new Set(flows.filter((flow) => portOf(flow, changed, host)?.isStale(flow) === true));
  if (stale.size > 0) conntrack.forget([...stale]);
  return stale.size;
}

function flowsOfEach(conntrack: ConntrackPort, ports: readonly FlowPort[]): Connection[] {
  return ports.flatMap((port) => {
    const { version, key, isNode } = port;
    const filter = {
      protocol: L4_PROTOCOL.udp,
      ...(isNode ? {} : { originalDestination: key.subarray(0, addressLength(version)) }),
      originalDestinationPort: portNumber(port),
    };
    return conntrack.connections(FAMILY[version], filter);
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
