/** What is known of a traced connection, in sentences. */
import type { EndpointShare, Explanation } from "./explanation.ts";
import type { Fate, Trace } from "./fake/packet-trace.ts";
import { formatFate } from "./fake/packet-trace.ts";
import { formatEndpoint } from "./fake/packet.ts";
import { sharePercent } from "./fake/share.ts";
import type { Backend, ServiceTable, VirtualPort } from "./table.ts";
import { NODE_ADDRESS, virtualPortKey } from "./table.ts";
import type { NewConnection, TableVerdict } from "./table-verdict.ts";

export interface TracedFacts extends Omit<Explanation, "words"> {
  readonly table: ServiceTable;
  readonly verdict: TableVerdict;
  readonly asked: NewConnection;
  readonly port: VirtualPort | undefined;
}

export function traceWords(facts: TracedFacts): string[] {
  const words = [...whatItIs(facts), ...whyNot(facts), ...whichEndpoints(facts), ...whoseAddress(facts)];
  words.push(...losses(facts));
  const doubt = contradiction(facts);
  return doubt === undefined ? words : [...words, doubt];
}

const REFUSALS = {
  "tcp reset": "with a TCP reset, at once",
  "icmp port-unreachable": "with an ICMP port unreachable, at once",
} as const;

function end({ fate, refusedWith, trace }: TracedFacts): string {
  if (fate === "refused") return `refused${refusedWith === undefined ? "" : ` ${REFUSALS[refusedWith]}`}`;
  const host = hostsReason(trace);
  if (host !== undefined) return `this host does not take the packet so far (${host})`;
  return fate === "dropped"
    ? "dropped without an answer"
    : "fairlead does nothing, and the packet goes its usual way";
}

const LOOPBACK6 = "::1";

const KINDS = {
  ClusterIP: "",
  NodePort: ", on all addresses of this node",
  LoadBalancer: ", on an address of its load balancer",
  ExternalIP: ", on an external IP",
} as const;

/** What the address is. */
function whatItIs(facts: TracedFacts): string[] {
  const { table, port, asked, range, type = "ClusterIP" } = facts;
  if (port !== undefined) {
    const named = port.portName === "" ? "the port" : `port ${port.portName}`;
    return [
      `${formatEndpoint(asked)}/${asked.protocol} is ${named} of Service ${port.service}${KINDS[type]}.`,
    ];
  }
  const others = [...table.ports.values()].filter(({ address }) => address === asked.address);
  if (others.length > 0) {
    const services = [...new Set(others.map(({ service }) => service))].join(" and ");
    const served = others.map((one) => `${one.port}/${one.protocol}`).join(", ");
    const nothing = `and not ${asked.port}/${asked.protocol}: ${end(facts)}`;
    return [`${asked.address} belongs to Service ${services}, which serves ${served} there ${nothing}.`];
  }
  if (range !== undefined)
    return [`${asked.address} is in the service range ${range}, but no Service has it: ${end(facts)}.`];
  const own = portOfLoopback6(facts);
  if (own !== undefined)
    return [
      `${formatEndpoint(asked)}/${asked.protocol} is the node port of Service ${own.service}. The kernel takes nothing that is ` +
        `sent to ${LOOPBACK6} elsewhere, whatever the rules are: fairlead listens there itself and passes connections on.`,
    ];
  return [`${asked.address} is not a virtual address: ${end(facts)}.`];
}

/** The node port that a process of this host connects to at ::1, which is no business of the rules. */
function portOfLoopback6({ asked, table }: TracedFacts): VirtualPort | undefined {
  const { address, port, protocol, fromHost } = asked;
  if (address !== LOOPBACK6 || !fromHost || protocol === "ICMP") return undefined;
  return table.ports.get(virtualPortKey({ address: NODE_ADDRESS[6], port, protocol }));
}

/** Which traffic policy it is that leaves the client the endpoints of this node. */
function policy(port: VirtualPort, isInside: boolean): string {
  return !isInside && port.external !== undefined ? "externalTrafficPolicy" : "internalTrafficPolicy";
}

/** Why the client gets no endpoint, or only some. */
function whyNot(facts: TracedFacts): string[] {
  const { verdict, client } = facts;
  if (verdict.kind === "untouched" || verdict.port === undefined) return [];
  const { port, isInside } = verdict;
  if (verdict.kind === "balanced") {
    const hidden = port.backends.length - verdict.choice.backends.length;
    if (port.external === undefined || isInside || hidden <= 0) return [];
    return [
      `${client.address} is outside the cluster, and externalTrafficPolicy Local gives it the endpoints on this node only.`,
    ];
  }
  switch (verdict.why) {
    case "source ranges": {
      const ranges = port.sourceRanges!.join(", ") || "nobody";
      return [`loadBalancerSourceRanges lets in ${ranges}, and not ${client.address}: ${end(facts)}.`];
    }
    case "no endpoint here":
      return [`${policy(port, isInside)} Local and no endpoint on this node: ${end(facts)}.`];
    case "no endpoint":
      return [`Service ${port.service} has no ready endpoint: ${end(facts)}.`];
    default:
      return verdict.why satisfies never;
  }
}

function shareList(endpoints: readonly EndpointShare[]): string {
  return endpoints.map((one) => `${formatEndpoint(one)} ${formatPercent(one.percent)}`).join(", ");
}

/** How the endpoint is picked. */
function whichEndpoints({ endpoints, verdict, balance, affinity, client }: TracedFacts): string[] {
  const [first] = endpoints;
  if (first === undefined) return [];
  const why = balance === "least-clients" ? "least clients, on all ports of the Service" : "session affinity";
  const ready = verdict.kind === "balanced" ? verdict.choice.backends.length : endpoints.length;
  const words: string[] = [];
  const count = ready === 1 ? "1 endpoint is ready" : `${ready} endpoints are ready`;
  if (affinity?.left !== undefined)
    words.push(
      `${client.address} keeps ${formatEndpoint(first)} for another ${formatDuration(affinity.left)} (${why}).`,
    );
  else if (ready === 1)
    words.push(`1 endpoint is ready: every new connection goes to ${formatEndpoint(first)}.`);
  else if (balance === "round-robin")
    words.push(`${count}; new connections go to them in turn: ${shareList(endpoints)}.`);
  else if (balance === "least-clients")
    words.push(
      `${count}; a new client goes to the one with the fewest clients, in the long run: ${shareList(endpoints)}.`,
    );
  else if (balance === "source")
    words.push(
      `${count}; the hash of the client's address picks one: ${client.address} always gets ${formatEndpoint(first)}.`,
    );
  else if (balance === "source-port")
    words.push(
      `${count}; the hash of the client's address and port picks one: from port ${client.port}, ` +
        `${client.address} gets ${formatEndpoint(first)}.`,
    );
  else words.push(`${count}; a new connection goes to one of them at random: ${shareList(endpoints)}.`);
  if (affinity !== undefined) {
    const span = formatDuration(affinity.seconds);
    words.push(
      affinity.left === undefined
        ? `${client.address} then keeps its endpoint until it has made no connection for ${span} (${why}).`
        : `Each new connection makes that ${span} again.`,
    );
  }
  return words;
}

/** Whose address the endpoints see: a sentence for each reason. */
function whoseAddress({ endpoints, client, asked }: TracedFacts): string[] {
  if (endpoints.length === 0) return [];
  const masked = endpoints.filter(({ seenAs }) => seenAs !== client.address);
  if (masked.length === 0) return [`The endpoint sees the client's own address, ${client.address}.`];
  const groups = Map.groupBy(masked, ({ seenAs, why }) => `${seenAs} ${why}`);
  const words = Array.from(groups.values(), (group) => {
    const { seenAs, why = "the rules say so" } = group[0]!;
    const who = group.map((one) => formatEndpoint(one)).join(", ");
    const verb = group.length === 1 ? "sees" : "see";
    return `${who} ${verb} ${seenAs} in place of the client's address ${asked.source}: ${why}.`;
  });
  if (masked.length < endpoints.length) words.push(`The others see the client's own address.`);
  return words;
}

/** Of connections that some endpoints get, those that do not get through: rules of others, or contradictory Services. */
function losses({ trace, endpoints }: TracedFacts): string[] {
  if (endpoints.length === 0) return [];
  return trace.outcomes
    .filter(({ fate }) => !isAmong(fate, endpoints))
    .map(
      ({ fate, share }) => `${formatPercent(sharePercent(share))} of new connections: ${formatFate(fate)}.`,
    );
}

function isAmong(fate: Fate, endpoints: readonly EndpointShare[]): boolean {
  if (fate.kind !== "delivered") return false;
  const { address, port } = fate.destination;
  return endpoints.some((one) => one.address === address && one.port === port);
}

function formatPercent(percent: number): string {
  return `${percent.toFixed(1).replace(/\.0$/, "")} %`;
}

const UNITS = [
  ["d", 86_400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
] as const;

/** "2 h 59 min", of 10,799: the two greatest units. */
function formatDuration(seconds: number): string {
  const first = UNITS.findIndex(([, length]) => seconds >= length);
  if (first < 0) return "0 s";
  let rest = Math.floor(seconds);
  const parts = UNITS.slice(first, first + 2).flatMap(([unit, length]) => {
    const count = Math.floor(rest / length);
    rest -= count * length;
    return count === 0 ? [] : [`${count} ${unit}`];
  });
  return parts.join(" ");
}

/** What is wrong if the rules do something else than the table says. */
function contradiction(facts: TracedFacts): string | undefined {
  const { verdict, fate, endpoints, balance, affinity, trace } = facts;
  const wanted = verdict.kind === "balanced" ? verdict.choice.backends : [];
  const isNarrowed = (balance !== undefined && balance !== "random") || affinity?.left !== undefined;
  const has = (
    list: readonly Pick<Backend, "address" | "port">[],
    { address, port }: EndpointShare | Backend,
  ) => list.some((one) => one.address === address && one.port === port);
  const isSame =
    endpoints.every((one) => has(wanted, one)) &&
    (isNarrowed ? endpoints.length > 0 : wanted.every((one) => has(endpoints, one)));
  // What somebody else's rules do to what is none of our business is theirs.
  const isFate =
    verdict.kind === "untouched"
      ? endpoints.length === 0
      : verdict.kind === fate || hostsReason(trace) !== undefined;
  if (isFate && (isSame || wanted.length === 0)) return undefined;
  const host = hostsReason(trace);
  if (host !== undefined) return `This host does not take the packet as far as the rules: ${host}.`;
  const text = (list: readonly Pick<Backend, "address" | "port">[]): string =>
    list.map(formatEndpoint).sort().join(", ") || "none";
  if (wanted.length === 0 && endpoints.length === 0)
    return `The rules are not what the Services say: the connection should be ${verdict.kind}, and is ${fate}.`;
  return `The rules are not what the Services say: endpoints should be ${text(wanted)}, and the rules have ${text(endpoints)}.`;
}

/** Why the host itself takes the packet no further, whatever the rules are: no route, an address from nowhere. */
function hostsReason({ outcomes }: Trace): string | undefined {
  const reasons = outcomes.map(({ fate }) => (fate.kind === "refused" ? fate.reason : undefined));
  return reasons.every((reason) => reason !== undefined) ? reasons[0] : undefined;
}
