/**
 * Connections and the addresses they were translated to: as much of nf_conntrack as new connections, their first
 * answers and their next packets need. TCP sequence windows and time-outs are left out.
 */
import type { IpFamily } from "../../base/ip.ts";
import type { Packet, PacketProtocol, TcpFlag } from "./packet.ts";

/** One direction of a connection. For ICMP the source port is the identifier and the destination port is 0. */
export interface Tuple {
  readonly protocol: PacketProtocol;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

/** What the tuple of an answer is. */
export function inverse(tuple: Tuple): Tuple {
  const { protocol, source, sourcePort, destination, destinationPort } = tuple;
  // An echo reply has the request's identifier.
  const [from, to] = protocol === "ICMP" ? [sourcePort, 0] : [destinationPort, sourcePort];
  return { protocol, source: destination, sourcePort: from, destination: source, destinationPort: to };
}

export function tupleOf({ protocol, source, sourcePort, destination, destinationPort }: Packet): Tuple {
  return { protocol, source, sourcePort, destination, destinationPort };
}

export function sameTuple(a: Tuple, b: Tuple): boolean {
  return tupleKey(a) === tupleKey(b);
}

export function tupleKey(tuple: Tuple): string {
  const { protocol, source, sourcePort, destination, destinationPort } = tuple;
  return `${protocol} ${source} ${sourcePort} ${destination} ${destinationPort}`;
}

export type Direction = "original" | "reply";
/** ctinfo without its direction; "invalid" packets belong to no connection. */
export type PacketState = "new" | "established" | "invalid";

export interface Connection {
  readonly family: IpFamily;
  readonly original: Tuple;
  /** Of the packets that answer, as they come from the endpoint. */
  reply: Tuple;
  /** Which ends the nat chains of were asked (IPS_DST_NAT_DONE, IPS_SRC_NAT_DONE) and what they changed (IPS_*_NAT). */
  readonly asked: { dnat: boolean; snat: boolean };
  readonly translated: { dnat: boolean; snat: boolean };
  /** The source port was taken, and the kernel picks another at random. */
  sourcePortPicked: boolean;
  seenReply: boolean;
  confirmed: boolean;
  mark: number;
}

export function newConnection(family: IpFamily, original: Tuple): Connection {
  return {
    family,
    original,
    reply: inverse(original),
    asked: { dnat: false, snat: false },
    translated: { dnat: false, snat: false },
    sourcePortPicked: false,
    seenReply: false,
    confirmed: false,
    mark: 0,
  };
}

export function copyConnection(connection: Connection): Connection {
  return {
    ...connection,
    asked: { ...connection.asked },
    translated: { ...connection.translated },
  };
}

/** IPS_*, bits of `ct status`. */
export function statusBits({ seenReply, confirmed, translated, asked }: Connection): number {
  return (
    (seenReply ? 1 << 1 : 0) |
    (confirmed ? 1 << 3 : 0) |
    (translated.snat ? 1 << 4 : 0) |
    (translated.dnat ? 1 << 5 : 0) |
    (asked.snat ? 1 << 7 : 0) |
    (asked.dnat ? 1 << 8 : 0)
  );
}

/** Whether a packet of no known connection may begin one: tcp_new of nf_conntrack_proto_tcp.c, with tcp_loose. */
export function mayBegin(protocol: PacketProtocol, flags: readonly TcpFlag[]): boolean {
  if (protocol !== "TCP") return true;
  const has = (flag: TcpFlag): boolean => flags.includes(flag);
  if (has("RST") || has("FIN")) return false;
  return has("SYN") !== has("ACK");
}

/** A connection as a packet finds it. */
export interface Found {
  readonly connection: Connection;
  readonly direction: Direction;
}

export class ConnectionTable {
  readonly #byTuple = new Map<string, Connection>();

  /** Each connection once. */
  *values(): Iterable<Connection> {
    for (const [key, connection] of this.#byTuple)
      if (key === tupleKey(connection.original)) yield connection;
  }

  find(tuple: Tuple): Found | undefined {
    const connection = this.#byTuple.get(tupleKey(tuple));
    if (connection === undefined) return undefined;
    return { connection, direction: sameTuple(connection.original, tuple) ? "original" : "reply" };
  }

  /** Whether a connection whose answers have this tuple would be mistaken for another that is there. */
  isTaken(reply: Tuple, original: Tuple): boolean {
    const other = this.#byTuple.get(tupleKey(reply));
    return other !== undefined && !sameTuple(other.original, original);
  }

  /** Adds the connection, or replaces the one with the same original tuple. */
  put(connection: Connection): void {
    this.remove(connection.original);
    this.#byTuple.set(tupleKey(connection.original), connection);
    this.#byTuple.set(tupleKey(connection.reply), connection);
  }

  remove(original: Tuple): boolean {
    const existing = this.#byTuple.get(tupleKey(original));
    if (existing === undefined || !sameTuple(existing.original, original)) return false;
    this.#byTuple.delete(tupleKey(existing.original));
    this.#byTuple.delete(tupleKey(existing.reply));
    return true;
  }

  clear(): void {
    this.#byTuple.clear();
  }
}
