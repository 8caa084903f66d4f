/**
 * Connections by Service port and endpoint, counted from looks at the kernel's whole table of connections.
 *
 * A look tells what is there now; what came, went and was carried between two looks is found by comparing. A closed TCP
 * connection stays in the kernel's table (two minutes in TIME_WAIT, ten seconds after a reset), a silent UDP flow for
 * half a minute: looks that are not further apart than {@link SAFE_INTERVAL} miss nothing. Packets pay nothing for it,
 * unlike for the kernel's events of each connection. The kernel numbers connections with 32 bits at random: of 100,000
 * a few share a number and count as one.
 */
import type { FlowPhase, FlowProtocol, SocketKey } from "../../net/conntrack/flow-reader.ts";
import type { VirtualPort } from "../table.ts";
import { createPortIndex } from "./port-index.ts";

/** Seconds: nf_conntrack_tcp_timeout_close, the shortest life of what is over. */
export const SAFE_INTERVAL = 10;

/** One connection as a look finds it: the part of FlowReader that is counted. */
export interface Flow {
  readonly family: 4 | 6;
  readonly protocol: FlowProtocol;
  readonly phase: FlowPhase;
  readonly id: number;
  readonly destination: SocketKey;
  readonly destinationPort: number;
  readonly endpoint: SocketKey;
  readonly hasCounters: boolean;
  readonly packets: number;
  readonly bytes: number;
}

export interface Counts {
  /** Now: connections that carry data, or could. UDP flows until the kernel forgets them. */
  active: number;
  /** Now: connections that the endpoint has not answered yet. */
  opening: number;
  /** Since the accounting began, ends of connections and bytes of both directions. Those already there are not new. */
  opened: number;
  closed: number;
  packets: number;
  bytes: number;
}

export interface EndpointCounts extends Counts {
  /** See socketOfKey(). */
  readonly endpoint: SocketKey;
  /** The last look that found a connection to it, ended ones too. */
  look: number;
}

/** One port of a Service, all its addresses and node ports together. */
export interface PortCounts {
  /** "namespace/name". */
  readonly service: string;
  readonly portName: string;
  readonly protocol: FlowProtocol;
  /** Of all its endpoints, those that are gone as well. */
  readonly total: Counts;
  /** Those to which the kernel knows connections. */
  readonly endpoints: ReadonlyMap<SocketKey, EndpointCounts>;
}

export interface Look {
  /** Connections seen, of Services and of others. */
  readonly seen: number;
  /** Those of Services. */
  readonly counted: number;
  /** Whether the kernel counts packets and bytes; undefined if there was no connection to tell. */
  readonly hasCounters: boolean | undefined;
}

export interface ConnectionAccounting {
  /** What virtual ports there are. What was counted for a Service port that is no more is forgotten. */
  setPorts(ports: Iterable<VirtualPort>): void;
  /** Begins a look; then each connection is added, then it is ended. */
  begin(): void;
  add(flow: Flow): void;
  end(): Look;
  /** As of the last look, in no particular order. */
  ports(): Iterable<PortCounts>;
}

/** What is remembered of a connection from one look to the next. */
interface Remembered {
  readonly port: Port;
  readonly counts: EndpointCounts;
  look: number;
  isEnded: boolean;
  packets: number;
  bytes: number;
}

interface Port extends PortCounts {
  readonly endpoints: Map<SocketKey, EndpointCounts>;
}

export function createConnectionAccounting(): ConnectionAccounting {
  const index = createPortIndex<Port>();
  const ports = new Map<string, Port>();
  const connections = new Map<number, Remembered>();
  let look = 0;
  let [seen, counted, withCounters] = [0, 0, 0];

  function portOf({ service, portName, protocol }: VirtualPort): Port {
    const key = `${service}|${portName}|${protocol}`;
    let port = ports.get(key);
    if (port === undefined)
      ports.set(key, (port = { service, portName, protocol, total: noCounts(), endpoints: new Map() }));
    return port;
  }

  function countsOf(port: Port, endpoint: SocketKey): EndpointCounts {
    let counts = port.endpoints.get(endpoint);
    if (counts === undefined) {
      counts = { endpoint, look, ...noCounts() };
      port.endpoints.set(endpoint, counts);
    }
    counts.look = look;
    return counts;
  }

  function open({ port, counts }: Remembered): void {
    port.total.opened++;
    counts.opened++;
  }

  function close(known: Remembered): void {
    if (known.isEnded) return;
    known.isEnded = true;
    known.port.total.closed++;
    known.counts.closed++;
  }

  /** A connection that no look has seen before. */
  function remember(flow: Flow, port: Port, counts: EndpointCounts): Remembered {
    // What the first look finds was there before us.
    const isNew = look > 1;
    const [packets, bytes] = isNew ? [0, 0] : [flow.packets, flow.bytes];
    const known = { port, counts, look: 0, isEnded: !isNew && flow.phase === "ended", packets, bytes };
    if (isNew) open(known);
    connections.set(flow.id, known);
    return known;
  }

  function carry({ port, counts }: Remembered, packets: number, bytes: number): void {
    port.total.packets += packets;
    counts.packets += packets;
    port.total.bytes += bytes;
    counts.bytes += bytes;
  }

  function add(flow: Flow): void {
    seen++;
    const port = index.find(flow);
    if (port === undefined) return;
    const counts = countsOf(port, flow.endpoint);
    let known = connections.get(flow.id);
    // A dump may tell a connection twice.
    if (known?.look === look) return;
    counted++;
    if (flow.hasCounters) withCounters++;
    // Numbers are used again, rarely: for another connection, or, of a client that uses its port again, the same one.
    if (known !== undefined && (known.counts !== counts || (known.isEnded && flow.phase !== "ended"))) {
      close(known);
      known = undefined;
    }
    known ??= remember(flow, port, counts);
    known.look = look;
    if (flow.phase === "ended") close(known);
    else {
      counts[flow.phase]++;
      port.total[flow.phase]++;
    }
    carry(known, Math.max(0, flow.packets - known.packets), Math.max(0, flow.bytes - known.bytes));
    known.packets = flow.packets;
    known.bytes = flow.bytes;
  }

  /** What this look did not find is over. */
  function forgetVanished(): void {
    for (const [id, known] of connections) {
      if (known.look === look) continue;
      close(known);
      connections.delete(id);
    }
    for (const { endpoints } of ports.values())
      for (const { endpoint, look: last } of endpoints.values())
        if (last !== look) endpoints.delete(endpoint);
  }

  return {
    setPorts(virtualPorts) {
      const current = new Set<Port>();
      index.replace(
        Array.from(virtualPorts, (virtual) => {
          const port = portOf(virtual);
          current.add(port);
          return [virtual, port] as const;
        }),
      );
      for (const [key, port] of ports) if (!current.has(port)) ports.delete(key);
    },
    begin() {
      look++;
      [seen, counted, withCounters] = [0, 0, 0];
      for (const { total, endpoints } of ports.values()) {
        total.active = total.opening = 0;
        for (const counts of endpoints.values()) counts.active = counts.opening = 0;
      }
    },
    add,
    end() {
      forgetVanished();
      return { seen, counted, hasCounters: counted === 0 ? undefined : withCounters > 0 };
    },
    ports: () => ports.values(),
  };
}

function noCounts(): Counts {
  return { active: 0, opening: 0, opened: 0, closed: 0, packets: 0, bytes: 0 };
}
