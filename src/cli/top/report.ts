/** What `fairlead top` shows, as values: two looks at the connections of each Service port, and what is between them. */
import { SERVICE_NAME_LABEL, type EndpointSlice } from "../../api/endpointslice/type.ts";
import { formatIp, ipFromBytes } from "../../base/ip.ts";
import { parseSloppyIp } from "../../base/sloppy-ip.ts";
import type { Counts, PortCounts } from "../../dataplane/connections/accounting.ts";
import type { ConntrackFill } from "../../dataplane/connections/conntrack-table.ts";
import { type SocketKey, socketOfKey } from "../../net/conntrack/flow-reader.ts";

/** Connections now, and each second since the look before. */
export interface Traffic {
  readonly active: number;
  readonly opening: number;
  readonly openedPerSecond: number;
  readonly closedPerSecond: number;
  /** Of both directions; undefined where the kernel does not count them. */
  readonly bytesPerSecond: number | undefined;
  readonly packetsPerSecond: number | undefined;
}

/** "gone": no EndpointSlice of the Service has it any more; its connections are being drained. */
export type TopEndpointState = "ready" | "not ready" | "stopping" | "gone";

export interface TopEndpoint extends Traffic {
  /** "10.1.0.7:8080", "[fd00::7]:8080". */
  readonly address: string;
  readonly state: TopEndpointState;
  readonly pod: string | undefined;
  readonly node: string | undefined;
}

export interface TopPort extends Traffic {
  readonly namespace: string;
  readonly service: string;
  /** "" for the unnamed one. */
  readonly port: string;
  readonly protocol: string;
  readonly endpoints: readonly TopEndpoint[];
}

export interface TopReport {
  /** Between the two looks. */
  readonly seconds: number;
  /** The kernel's table of connections, those of others too. */
  readonly conntrack: ConntrackFill;
  /** Whether bytes and packets are counted (net.netfilter.nf_conntrack_acct). */
  readonly hasCounters: boolean;
  readonly ports: readonly TopPort[];
}

/** The counts of one look, kept: the accounting goes on counting in its own. */
export type Snapshot = ReadonlyMap<
  string,
  { readonly total: Counts; readonly endpoints: ReadonlyMap<SocketKey, Counts> }
>;

export function snapshot(ports: Iterable<PortCounts>): Snapshot {
  return new Map(
    Array.from(ports, (port) => [
      keyOf(port),
      {
        total: { ...port.total },
        endpoints: new Map(Array.from(port.endpoints, ([key, counts]) => [key, { ...counts }])),
      },
    ]),
  );
}

function keyOf({ service, portName, protocol }: PortCounts): string {
  return `${service}|${portName}|${protocol}`;
}

export interface ReportOptions {
  readonly ports: Iterable<PortCounts>;
  readonly before: Snapshot;
  readonly seconds: number;
  readonly conntrack: ConntrackFill;
  readonly hasCounters: boolean;
  /** The slices of a Service, by "namespace/name". */
  readonly slicesOf: (service: string) => readonly EndpointSlice[];
  readonly wanted: (namespace: string, service: string) => boolean;
}

export function topReport(options: ReportOptions): TopReport {
  const { seconds, conntrack, hasCounters } = options;
  const ports: TopPort[] = [];
  for (const port of options.ports) {
    const [namespace = "", service = ""] = port.service.split("/");
    if (!options.wanted(namespace, service)) continue;
    const before = options.before.get(keyOf(port));
    ports.push({
      namespace,
      service,
      port: port.portName,
      protocol: port.protocol,
      ...traffic(port.total, before?.total, seconds, hasCounters),
      endpoints: endpointsOf(port, before?.endpoints, options),
    });
  }
  return { seconds, conntrack, hasCounters, ports };
}

/** Those that the slices know, busy or not, and those that only connections still know. */
function endpointsOf(
  port: PortCounts,
  before: ReadonlyMap<SocketKey, Counts> | undefined,
  { slicesOf, seconds, hasCounters }: ReportOptions,
): TopEndpoint[] {
  const found = new Map<string, TopEndpoint>();
  for (const [address, known] of knownEndpoints(port, slicesOf(port.service)))
    found.set(address, { address, ...known, ...traffic(NOTHING, undefined, seconds, hasCounters) });
  for (const [key, counts] of port.endpoints) {
    const { address: bytes, port: number } = socketOfKey(key);
    const address = socketText(formatIp(ipFromBytes(bytes)), number);
    const known = found.get(address) ?? { address, state: "gone", pod: undefined, node: undefined };
    // Ended connections that the kernel still remembers are no news of an endpoint that is gone.
    if (known.state === "gone" && counts.active + counts.opening === 0) continue;
    found.set(address, { ...known, ...traffic(counts, before?.get(key), seconds, hasCounters) });
  }
  return Array.from(found.values());
}

type Known = Pick<TopEndpoint, "state" | "pod" | "node">;

function knownEndpoints(port: PortCounts, slices: readonly EndpointSlice[]): Map<string, Known> {
  const known = new Map<string, Known>();
  for (const slice of slices)
    for (const target of slice.ports ?? []) {
      if (target.port === undefined || (target.name ?? "") !== port.portName) continue;
      if ((target.protocol ?? "TCP") !== port.protocol) continue;
      for (const { addresses, conditions, targetRef, nodeName } of slice.endpoints ?? []) {
        const ip = parseSloppyIp(addresses[0] ?? "");
        if (ip === undefined) continue;
        const state =
          conditions?.terminating === true ? "stopping" : conditions?.ready === false ? "not ready" : "ready";
        const address = socketText(formatIp(ip), target.port);
        if (known.get(address)?.state !== "ready")
          known.set(address, { state, pod: targetRef?.name, node: nodeName });
      }
    }
  return known;
}

export function serviceOfSlice({ metadata }: EndpointSlice): string {
  return `${metadata.namespace}/${metadata.labels?.[SERVICE_NAME_LABEL]}`;
}

function socketText(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

const NOTHING: Counts = { active: 0, opening: 0, opened: 0, closed: 0, packets: 0, bytes: 0 };

function traffic(now: Counts, before: Counts | undefined, seconds: number, hasCounters: boolean): Traffic {
  // Endpoints come and go between looks; then what is counted since the beginning is since the look before.
  const rate = (key: "opened" | "closed" | "packets" | "bytes"): number =>
    Math.max(0, now[key] - (before?.[key] ?? 0)) / seconds;
  return {
    active: now.active,
    opening: now.opening,
    openedPerSecond: rate("opened"),
    closedPerSecond: rate("closed"),
    bytesPerSecond: hasCounters ? rate("bytes") : undefined,
    packetsPerSecond: hasCounters ? rate("packets") : undefined,
  };
}
