/** How a new connection gets its translation, and a packet its connection's: net/netfilter/nf_nat_core.c. */
import type { Connection, ConnectionTable, Direction, Tuple } from "./conntrack.ts";
import { inverse, sameTuple } from "./conntrack.ts";
import type { Packet } from "./packet.ts";

export type NatKind = "dnat" | "snat";

/** What is to be changed; absent parts stay. */
export interface NatRange {
  readonly address?: string;
  readonly port?: number;
  /** NF_NAT_RANGE_PROTO_RANDOM or _RANDOM_FULLY: another source port even if the own one is free. */
  readonly randomPort?: boolean;
}

/** NF_NAT_RANGE_PROTO_RANDOM | NF_NAT_RANGE_PROTO_RANDOM_FULLY. */
export const NAT_RANDOM_FLAGS = 20;

/**
 * nf_nat_setup_info: settles one end of the connection, for good. A source port that another connection to the same
 * endpoint has is changed to a free one: the kernel picks at random from the same class of ports, we the first.
 */
export function settle(connection: Connection, kind: NatKind, range: NatRange, table: ConnectionTable): void {
  const current = inverse(connection.reply);
  let wanted = rewrite(current, kind, range);
  if (kind === "snat") {
    const taken = (tuple: Tuple): boolean => table.isTaken(inverse(tuple), connection.original);
    if (range.randomPort === true || (range.port === undefined && taken(wanted))) {
      wanted = freePort(wanted, taken);
      connection.sourcePortPicked = true;
    }
  }
  if (!sameTuple(wanted, current)) {
    connection.reply = inverse(wanted);
    connection.translated[kind] = true;
  }
  connection.asked[kind] = true;
}

function rewrite(tuple: Tuple, kind: NatKind, { address, port }: NatRange): Tuple {
  const ends =
    kind === "dnat" ? { destination: address ?? tuple.destination } : { source: address ?? tuple.source };
  if (port === undefined) return { ...tuple, ...ends };
  // The port of an echo request is its identifier, whichever end is translated.
  if (kind === "snat" || tuple.protocol === "ICMP") return { ...tuple, ...ends, sourcePort: port };
  return { ...tuple, ...ends, destinationPort: port };
}

/** nf_nat_l4proto_unique_tuple: ports below 512, below 1024 and above stay among themselves. */
function freePort(tuple: Tuple, taken: (tuple: Tuple) => boolean): Tuple {
  const [first, last] =
    tuple.sourcePort < 512 ? [1, 511] : tuple.sourcePort < 1024 ? [600, 1023] : [1024, 65_535];
  for (let sourcePort = first; sourcePort <= last; sourcePort++) {
    const candidate = { ...tuple, sourcePort };
    if (sourcePort !== tuple.sourcePort && !taken(candidate)) return candidate;
  }
  return tuple;
}

/** nf_nat_packet: `kind` is which end the hook changes. Answers get the other end of what their connection got. */
export function translate<P extends Packet>(
  packet: P,
  connection: Connection,
  direction: Direction,
  kind: NatKind,
): P {
  const cause = direction === "original" ? kind : kind === "dnat" ? "snat" : "dnat";
  if (!connection.translated[cause]) return packet;
  const target = inverse(direction === "original" ? connection.reply : connection.original);
  const identifier = packet.protocol === "ICMP" ? { sourcePort: target.sourcePort } : {};
  return kind === "dnat"
    ? {
        ...packet,
        ...identifier,
        destination: target.destination,
        destinationPort: target.destinationPort,
      }
    : { ...packet, source: target.source, sourcePort: target.sourcePort };
}
