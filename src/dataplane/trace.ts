/**
 * What would happen to a connection, and why: in words for people, and as data.
 *
 * The answer is not worked out from the table a second time: a packet is sent through the rules, in a kernel in memory,
 * and what the table knows is only used to name things. With `kernel`, those are the rules of another kernel (a copy of
 * the real one, fake/copy-table.ts), and a difference between them and the table is said.
 */
import { cidr, cidrContains, formatIp, ip, parseIp } from "../base/ip.ts";
import type { Protocol } from "../api/service/type.ts";
import type { HostOptions } from "./fake/host.ts";
import { FakeKernel, SIMPLE_HOST } from "./fake/kernel.ts";
import type { Arrival, Fate, Outcome, Trace } from "./fake/packet-trace.ts";
import { formatFate } from "./fake/packet-trace.ts";
import { formatEndpoint } from "./fake/packet.ts";
import { sharePercent } from "./fake/share.ts";
import { desiredState } from "./nftables/desired-state.ts";
import type { BridgePair } from "./nftables/desired-state.ts";
import { rebuild } from "./nftables/reconcile.ts";
import type { Backend, ServiceTable, VirtualPort } from "./table.ts";
import { virtualPortKey } from "./table.ts";

export interface TracedConnection {
  /** The client's address. @default {a process of this host} */
  readonly source?: string;
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

export interface EndpointShare extends Backend {
  /** Of all new connections: 0 to 100. */
  readonly percent: number;
  /** The client's address as the endpoint sees it. */
  readonly seenAs: string;
}

export interface Explanation {
  /** "untouched": none of our business, it goes on as if we were not there. */
  readonly fate: "balanced" | "refused" | "dropped" | "untouched";
  /** "default/web". */
  readonly service?: string;
  readonly portName?: string;
  /** The service range that has the address. */
  readonly range?: string;
  /** The most likely first, or as the table has them. */
  readonly endpoints: readonly EndpointShare[];
  /** How the client is refused. */
  readonly refusedWith?: "tcp reset" | "icmp port-unreachable";
  /** The reasons, a sentence each. */
  readonly words: readonly string[];
  /** Every rule on the way, for those who want to know (fake/packet-trace.ts' formatTrace). */
  readonly trace: Trace;
}

/** Any port does: nothing depends on it. */
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
  const asked = { ...connection, address };
  const port = table.ports.get(virtualPortKey(asked));
  const kernel = options.kernel ?? programmed(table, address, options);
  const { source, arrival } = client(kernel, asked, options.host ?? SIMPLE_HOST);
  const trace = kernel.trace(
    {
      protocol: asked.protocol,
      source,
      sourcePort: CLIENT_PORT,
      destination: address,
      destinationPort: asked.port,
    },
    arrival,
  );
  const range = table.ranges.find((text) => cidrContains(cidr(text), ip(address)));
  const endpoints = shares(trace);
  const fate = fateOf(trace, endpoints);
  const refusedWith = refusal(trace);
  const subject = { table, port, asked, range };
  const words = [
    ...describe(subject, fate, refusedWith),
    ...describeEndpoints(endpoints, source),
    ...describeLosses(trace, endpoints),
  ];
  const doubt = contradiction(port, fate, endpoints);
  if (doubt !== undefined) words.push(doubt);
  return {
    fate,
    ...(port === undefined ? {} : { service: port.service, portName: port.portName }),
    ...(range === undefined ? {} : { range }),
    endpoints,
    ...(refusedWith === undefined ? {} : { refusedWith }),
    words,
    trace,
  };
}

function canonical(text: string): string {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new RangeError(`not an IP address: ${JSON.stringify(text)}`);
  return formatIp(parsed);
}

/**
 * A kernel with the rules for the table: the ports of the address, and those of its endpoints' addresses, should these
 * be virtual too. Others cannot matter and are left out, which is faster.
 */
function programmed(table: ServiceTable, address: string, options: TraceOptions): FakeKernel {
  const own = [...table.ports.values()].filter((port) => port.address === address);
  const addresses = new Set([address, ...own.flatMap(({ backends }) => backends.map((one) => one.address))]);
  const ports = new Map([...table.ports].filter(([, port]) => addresses.has(port.address)));
  const desired = desiredState({ ...table, ports }, options.masqueradeBridges ?? [], undefined);
  const kernel = new FakeKernel(options.host);
  kernel.commit(rebuild(desired, { table: undefined }).commands);
  return kernel;
}

function client(
  kernel: FakeKernel,
  { source, address }: TracedConnection,
  host: HostOptions,
): { source: string; arrival: Arrival } {
  const own = host.interfaces
    .flatMap(({ addresses }) => addresses.map((text) => text.split("/")[0]!))
    .find((text) => text.includes(":") === address.includes(":"));
  if (source === undefined)
    return { source: own ?? SOMEBODY[address.includes(":") ? 6 : 4], arrival: { from: "host" } };
  const from = canonical(source);
  const route = kernel.host.route(from);
  // A client that no route leads to comes in somewhere all the same.
  const iif = route.kind === "forward" ? route.oif : (host.interfaces[0]?.name ?? "lo");
  return { source: from, arrival: route.kind === "local" ? { from: "host" } : { from: "network", iif } };
}

type Delivered = Extract<Fate, { kind: "delivered" }>;

function shares({ outcomes }: Trace): EndpointShare[] {
  return outcomes
    .filter((outcome): outcome is Outcome & { fate: Delivered } => isTranslated(outcome.fate))
    .map(({ fate, share }) => ({
      ...fate.destination,
      percent: sharePercent(share),
      seenAs: fate.source.address,
    }));
}

function isTranslated(fate: Fate): boolean {
  return fate.kind === "delivered" && fate.translated;
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

interface Subject {
  readonly table: ServiceTable;
  readonly port: VirtualPort | undefined;
  readonly asked: TracedConnection;
  readonly range: string | undefined;
}

const REFUSALS = {
  "tcp reset": "with a TCP reset, at once",
  "icmp port-unreachable": "with an ICMP port unreachable, at once",
} as const;

/** What the address is, and what follows from it. */
function describe(
  { table, port, asked, range }: Subject,
  fate: Explanation["fate"],
  refusedWith: Explanation["refusedWith"],
): string[] {
  const end =
    fate === "refused"
      ? `refused${refusedWith === undefined ? "" : ` ${REFUSALS[refusedWith]}`}`
      : fate === "dropped"
        ? "dropped"
        : "fairlead does nothing, and the packet goes its usual way";
  if (port !== undefined) {
    const named = port.portName === "" ? "the port" : `port ${port.portName}`;
    const what = `${formatEndpoint(asked)}/${asked.protocol} is ${named} of Service ${port.service}.`;
    return port.backends.length > 0
      ? [what]
      : [what, `Service ${port.service} has no ready endpoint: ${end}.`];
  }
  const others = [...table.ports.values()].filter(({ address }) => address === asked.address);
  if (others.length > 0) {
    const services = [...new Set(others.map(({ service }) => service))].join(" and ");
    const served = others.map((one) => `${one.port}/${one.protocol}`).join(", ");
    return [
      `${asked.address} belongs to Service ${services}, which serves ${served} there and not ${asked.port}/${asked.protocol}: ${end}.`,
    ];
  }
  if (range !== undefined)
    return [`${asked.address} is in the service range ${range}, but no Service has it: ${end}.`];
  return [`${asked.address} is not a virtual address: ${end}.`];
}

function describeEndpoints(endpoints: readonly EndpointShare[], source: string): string[] {
  if (endpoints.length === 0) return [];
  const list = endpoints.map((one) => `${formatEndpoint(one)} ${formatPercent(one.percent)}`).join(", ");
  const first =
    endpoints.length === 1
      ? `1 endpoint is ready: every new connection goes to ${formatEndpoint(endpoints[0]!)}.`
      : `${endpoints.length} endpoints are ready; a new connection goes to one of them at random: ${list}.`;
  const masked = endpoints.filter(({ seenAs }) => seenAs !== source);
  if (masked.length === 0) return [first, `The endpoint sees the client's own address, ${source}.`];
  const seen = masked.map((one) => `${formatEndpoint(one)} sees ${one.seenAs}`).join(", ");
  const itself = masked.every((one) => one.address === source);
  const why = itself
    ? "an endpoint that reaches itself would drop its own address"
    : "answers must come back here";
  return [first, `${seen} in place of the client's address ${source}: ${why}.`];
}

/** Of connections that some endpoints get, those that do not get through: rules of others, or contradictory Services. */
function describeLosses({ outcomes }: Trace, endpoints: readonly EndpointShare[]): string[] {
  if (endpoints.length === 0) return [];
  return outcomes
    .filter(({ fate }) => !isTranslated(fate))
    .map(
      ({ fate, share }) => `${formatPercent(sharePercent(share))} of new connections: ${formatFate(fate)}.`,
    );
}

function formatPercent(percent: number): string {
  return `${percent.toFixed(1).replace(/\.0$/, "")} %`;
}

/** What is wrong if the rules do something else than the table says. */
function contradiction(
  port: VirtualPort | undefined,
  fate: Explanation["fate"],
  endpoints: readonly EndpointShare[],
): string | undefined {
  const text = (list: readonly Backend[]): string => list.map(formatEndpoint).sort().join(", ") || "none";
  const wanted = text(port?.backends ?? []);
  const found = text(endpoints);
  const isRefusalMissing = port !== undefined && port.backends.length === 0 && fate === "untouched";
  if (wanted === found && !isRefusalMissing) return undefined;
  return `The rules are not what the Services say: endpoints should be ${wanted}, and the rules have ${found}.`;
}
