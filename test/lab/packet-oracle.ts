/**
 * What the table itself says of a packet, without any rules, held against what the fake kernel does with the rules that
 * are made of the table. Both are told about the same host.
 */
import type { Host } from "../../src/dataplane/fake/host.ts";
import { isLoopback } from "../../src/dataplane/fake/host.ts";
import type { Arrival, Fate, Outcome } from "../../src/dataplane/fake/packet-trace.ts";
import { formatFate } from "../../src/dataplane/fake/packet-trace.ts";
import type { Packet } from "../../src/dataplane/fake/packet.ts";
import { formatEndpoint } from "../../src/dataplane/fake/packet.ts";
import { mayBegin } from "../../src/dataplane/fake/conntrack.ts";
import type { Share } from "../../src/dataplane/fake/share.ts";
import { addShares, formatShare } from "../../src/dataplane/fake/share.ts";
import type { Backend } from "../../src/dataplane/table.ts";
import { NODE_ADDRESS } from "../../src/dataplane/table.ts";
import type { TableVerdict, VerdictHost } from "../../src/dataplane/table-verdict.ts";
import { sourceReason, tableVerdict } from "../../src/dataplane/table-verdict.ts";
import type { TableCase } from "./packet-cases.ts";
import { serviceTable } from "./packet-cases.ts";

const STOPPED = "stopped by the host";

/** How a fate looks to the table: "refused", "dropped", or where the packet goes and with which source. */
function seen(fate: Fate, host: Host): string {
  switch (fate.kind) {
    case "delivered":
      // What ends at this host itself may come from any of its addresses, if it comes from here.
      return fate.via === "local" && host.isLocal(fate.source.address)
        ? `${formatEndpoint(fate.destination)} from this host`
        : `${formatEndpoint(fate.destination)} from ${fate.source.address}`;
    case "rejected":
      return "refused";
    case "dropped":
      return "dropped";
    case "refused":
      return STOPPED;
    default:
      return fate satisfies never;
  }
}

interface Expected {
  /** What can become of the packet, with the number of connections in so many that it becomes of. */
  readonly shares: ReadonlyMap<string, number>;
  /** Time, earlier connections or the client decide which of these it is. */
  readonly narrowed?: boolean;
}

function certainly(text: string): Expected {
  return { shares: new Map([[text, 1]]) };
}

/** What can become of a packet that begins a connection, as the table has it. */
function expected(table: TableCase, packet: Packet, arrival: Arrival, host: Host): Expected {
  const fromHost = arrival.from === "host";
  const { source, destination, destinationPort, protocol } = packet;
  const isAnswered = isPair(table, arrival, host);
  const around: VerdictHost = { isOwn: (address) => host.isLocal(address), bypasses: isAnswered };
  const services = serviceTable(table);
  const whence = (endpoint: { address: string; port: number }, from: string): string =>
    host.isLocal(endpoint.address) && host.isLocal(from)
      ? `${formatEndpoint(endpoint)} from this host`
      : `${formatEndpoint(endpoint)} from ${from}`;
  const asked = { source, address: destination, port: destinationPort, protocol, fromHost };
  const verdict: TableVerdict = tableVerdict(services, asked, around);
  if (!fromHost && host.isStray(source, destination)) return certainly(STOPPED);
  const martian = fromHost ? undefined : host.martian(source, destination, arrival.iif);
  if (verdict.kind === "refused" || verdict.kind === "dropped") return certainly(verdict.kind);
  if (verdict.kind === "untouched")
    return certainly(martian === undefined ? whence(to(packet), source) : STOPPED);
  const fateOf = (backend: Backend): string => {
    // Only now, with its new destination, is a packet of the network judged by routing.
    const isMartian = !fromHost && host.martian(source, backend.address, arrival.iif) !== undefined;
    const route = host.route(backend.address);
    if (isMartian || route.kind === "none") return STOPPED;
    if (fromHost && route.kind === "forward" && host.isStuck(source, route.oif)) return STOPPED;
    // What ends at this host and comes from the network passes no hook where sources change.
    const isKept =
      (!fromHost && route.kind === "local") ||
      sourceReason(services, source, verdict.port, backend, around).kept;
    const from = isKept ? source : host.masqueradeAddress(route.oif, backend.address);
    return whence(backend, from!);
  };
  const shares = new Map<string, number>();
  for (const backend of verdict.choice.backends) {
    const fate = fateOf(backend);
    shares.set(fate, (shares.get(fate) ?? 0) + (backend.weight ?? 1));
  }
  const { balance = "random", affinity } = verdict.port;
  return { shares, narrowed: balance !== "random" || affinity !== undefined };
}

/** TCP of another host that is an endpoint. */
function isStrayAnswer({ ports }: TableCase, { protocol, source }: Packet, { from }: Arrival): boolean {
  const choices = ports.flatMap((port) => [port, ...(port.external === undefined ? [] : [port.external])]);
  return (
    protocol === "TCP" &&
    from === "network" &&
    choices.some(({ backends }) => backends.some(({ address }) => address === source))
  );
}

function to({ destination, destinationPort }: Packet): { address: string; port: number } {
  return { address: destination, port: destinationPort };
}

function isPair(
  table: TableCase,
  arrival: Arrival,
  host: Host,
): (source: string, backend: Backend) => boolean {
  return (_source, backend) => {
    const route = host.route(backend.address);
    if (arrival.from === "host" || route.kind === "none") return false;
    return table.masquerade.some(([input, output]) => input === arrival.iif && output === route.oif);
  };
}

/** What is wrong with what the rules do with the packet, or undefined if the table says the same. */
export function disagreement(
  table: TableCase,
  packet: Packet,
  arrival: Arrival,
  outcomes: readonly Outcome[],
  host: Host,
): string | undefined {
  const got = new Map<string, Share>();
  for (const { fate, share } of outcomes) {
    const text = seen(fate, host);
    const before = got.get(text);
    got.set(text, before === undefined ? share : addShares(before, share));
  }
  const complain = (wanted: string): string =>
    [
      `the table says: ${wanted}`,
      ...outcomes.map(({ fate, share }) => `the rules do:   ${formatFate(fate)}, ${formatShare(share)}`),
    ].join("\n");
  // Node ports make the host route loopback addresses: nobody but the host itself may send there all the same.
  const isGuarding = table.ports.some(({ address }) => address === NODE_ADDRESS[4]);
  if (isGuarding && arrival.from === "network" && isLoopback(packet.destination))
    return [...got.keys()].some((text) => text.includes(" from ")) ? complain("not delivered") : undefined;
  const wanted = expected(table, packet, arrival, host);
  const texts = [...wanted.shares.keys()];
  if (!mayBegin(packet.protocol, packet.tcpFlags ?? ["SYN"])) {
    // What belongs to no connection is not translated; where that would be, or a refusal, it is dropped, and from endpoints.
    if (isStrayAnswer(table, packet, arrival)) {
      const isGone = [...got.keys()].every((text) => text === "dropped" || text === STOPPED);
      return isGone ? undefined : complain("dropped");
    }
    const itself = `${formatEndpoint(to(packet))} from `;
    const isUntouched = texts.every((text) => text.startsWith(itself) || text === STOPPED);
    return isUntouched || [...got.keys()].join() === "dropped" ? undefined : complain("dropped");
  }
  const total = [...wanted.shares.values()].reduce((sum, weight) => sum + weight, 0);
  const isRight = [...got].every(([text, { numerator, denominator }]) => {
    const weight = wanted.shares.get(text);
    if (weight === undefined || wanted.narrowed === true) return weight !== undefined;
    return numerator * BigInt(total) === denominator * BigInt(weight);
  });
  if (isRight && (wanted.narrowed === true || got.size === wanted.shares.size)) return undefined;
  return complain([...wanted.shares].map(([text, weight]) => `${text} ${weight}/${total}`).join(" | "));
}
