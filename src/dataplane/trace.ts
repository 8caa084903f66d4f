/**
 * What would happen to a connection, and why: in words for people, and as data.
 *
 * The answer is not worked out from the table a second time: a packet is sent through the rules, in a kernel in memory.
 * The table names things and reasons (table-verdict.ts). With `kernel`, those are the rules and maps of another kernel (a
 * copy of the real one, fake/copy-table.ts), and a difference between them and the table is said.
 */
import { formatIp, parseIp } from "../base/ip.ts";
import type { Protocol } from "../api/service/type.ts";
import type { HostOptions } from "./fake/host.ts";
import { FakeKernel, SIMPLE_HOST } from "./fake/kernel.ts";
import type { Arrival, Fate, Outcome, Trace } from "./fake/packet-trace.ts";
import { sharePercent } from "./fake/share.ts";
import { desiredState } from "./nftables/desired-state.ts";
import type { BridgePair } from "./nftables/desired-state.ts";
import { rebuild } from "./nftables/reconcile.ts";
import { rememberedClient } from "./remembered-client.ts";
import type { EndpointShare, Explanation } from "./explanation.ts";
import type { Backend, ServiceTable, VirtualPort } from "./table.ts";
import { affinityOf, isNodePort } from "./table.ts";
import type { TableVerdict, VerdictHost } from "./table-verdict.ts";
import { portOf, sourceReason, tableVerdict, virtualRange } from "./table-verdict.ts";
import { traceWords } from "./trace-words.ts";

export interface TracedConnection {
  /** The client's address. @default {a process of this host} */
  readonly source?: string;
  /** The client's port, which matters only where it is hashed. @default {40000} */
  readonly sourcePort?: number;
  readonly address: string;
  readonly port: number;
  readonly protocol: Protocol;
}

export interface TraceOptions {
  /** This host's interfaces and addresses. @default {one that has nothing to do with the connection} */
  readonly host?: HostOptions;
  /** The interfaces between which connections are masqueraded, as the data plane was told. @default {none} */
  readonly masqueradeBridges?: readonly BridgePair[];
  /** A kernel with rules in it. @default {one with the rules for `table`} */
  readonly kernel?: FakeKernel;
}

const CLIENT_PORT = 40_000;
/** A client that is nobody in particular (RFC 5737, RFC 3849), if the host has no address of the family. */
const SOMEBODY = { 4: "192.0.2.1", 6: "2001:db8::1" } as const;

/** Throws RangeError if an address is none, or if client and address are of different families. */
export function traceConnection(
  table: ServiceTable,
  connection: TracedConnection,
  options: TraceOptions = {},
): Explanation {
  const address = canonical(connection.address);
  const { protocol, sourcePort = CLIENT_PORT } = connection;
  const kernel = options.kernel ?? programmed(table, connection, options);
  const { source, arrival } = client(kernel, { ...connection, address }, options.host ?? SIMPLE_HOST);
  const fromHost = arrival.from === "host";
  const trace = kernel.trace(
    { protocol, source, sourcePort, destination: address, destinationPort: connection.port },
    arrival,
  );
  const asked = { source, address, port: connection.port, protocol, fromHost };
  const host = verdictHost(kernel, arrival, options.masqueradeBridges ?? []);
  const verdict = tableVerdict(table, asked, host);
  const port = portOf(table, asked, host);
  const range = virtualRange(table, address);
  const affinity = port === undefined ? undefined : affinityOf(port);
  const remembered =
    port === undefined || affinity === undefined ? undefined : rememberedClient(kernel, port, source);
  const endpoints = shares({ table, verdict, trace, source, host, kernel, isKept: remembered !== undefined });
  const fate = fateOf(trace, endpoints);
  const refusedWith = refusal(trace);
  const facts = {
    fate,
    client: { address: source, port: sourcePort, isInside: isInside(verdict) ?? fromHost },
    ...(port === undefined
      ? {}
      : { service: port.service, portName: port.portName, type: port.type ?? typeOf(port) }),
    ...(range === undefined ? {} : { range }),
    ...(port === undefined || endpoints.length === 0 ? {} : { balance: port.balance ?? "random" }),
    ...(affinity === undefined
      ? {}
      : {
          affinity: {
            seconds: affinity,
            ...(remembered === undefined ? {} : { left: remembered.seconds }),
          },
        }),
    endpoints,
    ...(refusedWith === undefined ? {} : { refusedWith }),
  };
  const words = traceWords({ ...facts, table, verdict, asked, trace, port });
  return { ...facts, words, trace };
}

function typeOf(port: VirtualPort): NonNullable<VirtualPort["type"]> {
  return isNodePort(port) ? "NodePort" : "ClusterIP";
}

function isInside(verdict: TableVerdict): boolean | undefined {
  return "isInside" in verdict ? verdict.isInside : undefined;
}

function canonical(text: string): string {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new RangeError(`not an IP address: ${JSON.stringify(text)}`);
  return formatIp(parsed);
}

/**
 * A kernel with the rules for the table: the ports of the address, node ports, and those of the endpoints' addresses,
 * or the client's, should these be virtual too. Others cannot matter and are left out, which is faster.
 */
function programmed(table: ServiceTable, connection: TracedConnection, options: TraceOptions): FakeKernel {
  const [address, source] = [canonical(connection.address), connection.source];
  const own = [...table.ports.values()].filter((port) => port.address === address || isNodePort(port));
  const addresses = new Set([
    address,
    ...(source === undefined ? [] : [canonical(source)]),
    ...own.flatMap(({ backends, address: one }) => [one, ...backends.map((backend) => backend.address)]),
  ]);
  const ports = new Map([...table.ports].filter(([, port]) => addresses.has(port.address)));
  const desired = desiredState({ ...table, ports }, options.masqueradeBridges ?? [], undefined);
  const kernel = new FakeKernel(options.host);
  kernel.commit(rebuild(desired, { table: undefined }).commands);
  // As the data plane does.
  if ([...ports.values()].some(isNodePort)) kernel.host.loopback.turn(true);
  return kernel;
}

function client(
  kernel: FakeKernel,
  { source, address }: TracedConnection,
  host: HostOptions,
): { source: string; arrival: Arrival } {
  const six = address.includes(":");
  if (source === undefined) {
    // To an address of its own, or to its loopback, a process sends from that very address.
    const own = host.interfaces
      .flatMap(({ addresses }) => addresses.map((text) => text.split("/")[0]!))
      .find((text) => text.includes(":") === six);
    const from = kernel.host.isLocal(address) ? address : (own ?? SOMEBODY[six ? 6 : 4]);
    return { source: from, arrival: { from: "host" } };
  }
  const from = canonical(source);
  const route = kernel.host.route(from);
  // A client that no route leads to comes in somewhere all the same.
  const iif = route.kind === "forward" ? route.oif : (host.interfaces[0]?.name ?? "lo");
  return { source: from, arrival: route.kind === "local" ? { from: "host" } : { from: "network", iif } };
}

function verdictHost(kernel: FakeKernel, arrival: Arrival, bridges: readonly BridgePair[]): VerdictHost {
  return {
    isOwn: (address) => kernel.host.isLocal(address),
    bypasses: (_source, backend) => {
      const route = kernel.host.route(backend.address);
      if (arrival.from === "host" || route.kind === "none") return false;
      return bridges.some(([input, output]) => input === arrival.iif && output === route.oif);
    },
  };
}

interface Subject {
  readonly table: ServiceTable;
  readonly verdict: TableVerdict;
  readonly trace: Trace;
  readonly source: string;
  readonly host: VerdictHost;
  readonly kernel: FakeKernel;
  readonly isKept: boolean;
}

type Delivered = Extract<Fate, { kind: "delivered" }>;

/** What the rules do; of turns, which nobody can read from a kernel, what they come to. */
function shares(subject: Subject): EndpointShare[] {
  const { table, verdict, trace, source, host, isKept } = subject;
  const port = verdict.kind === "balanced" ? verdict.port : undefined;
  const backends = verdict.kind === "balanced" ? verdict.choice.backends : [];
  const backendOf = ({ address, port }: Delivered["destination"]): Backend | undefined =>
    backends.find((one) => one.address === address && one.port === port);
  const found = trace.outcomes
    .filter((outcome): outcome is Outcome & { fate: Delivered } => isReached(outcome.fate, backendOf))
    .map(({ fate, share }): EndpointShare => {
      const backend = backendOf(fate.destination);
      const why =
        backend === undefined || port === undefined
          ? undefined
          : sourceReason(table, source, port, backend, host).why;
      const seenAs = fate.source.address;
      return {
        ...fate.destination,
        percent: sharePercent(share),
        seenAs,
        ...(why === undefined ? {} : { why }),
      };
    });
  const inTurn = (port?.balance === "round-robin" || port?.balance === "least-clients") && !isKept;
  return inTurn && found.length > 0 ? turns(port, backends, found, subject) : found;
}

/** It was translated, or was for an endpoint's very address and port. */
function isReached(
  fate: Fate,
  backendOf: (endpoint: Delivered["destination"]) => Backend | undefined,
): boolean {
  return fate.kind === "delivered" && (fate.translated || backendOf(fate.destination) !== undefined);
}

function turns(
  virtual: VirtualPort,
  backends: readonly Backend[],
  found: readonly EndpointShare[],
  { table, source, host, kernel }: Subject,
): EndpointShare[] {
  const total = backends.reduce((sum, { weight = 1 }) => sum + weight, 0);
  return backends.map((backend) => {
    const { address, port, weight = 1 } = backend;
    const known = found.find((one) => one.address === address && one.port === port);
    const { kept, why } = sourceReason(table, source, virtual, backend, host);
    const route = kernel.host.route(address);
    const masked = route.kind === "none" ? undefined : kernel.host.masqueradeAddress(route.oif, address);
    const seenAs = known?.seenAs ?? (kept ? source : (masked ?? source));
    return { address, port, percent: Math.round((weight / total) * 100_000) / 1000, seenAs, why };
  });
}

function fateOf({ outcomes }: Trace, endpoints: readonly EndpointShare[]): Explanation["fate"] {
  if (endpoints.length > 0) return "balanced";
  const kinds = new Set(outcomes.map(({ fate }) => fate.kind));
  if (kinds.has("rejected")) return "refused";
  return kinds.has("dropped") ? "dropped" : "untouched";
}

function refusal({ outcomes }: Trace): Explanation["refusedWith"] {
  const fate = outcomes.find((outcome) => outcome.fate.kind === "rejected")?.fate;
  return fate?.kind === "rejected" && fate.with !== "nothing" ? fate.with : undefined;
}
