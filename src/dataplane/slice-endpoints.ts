/**
 * What an EndpointSlice says, in the form in which it is asked for again and again: read once when the slice changes,
 * so that a change of another slice of the Service costs nothing here.
 */
import type { Endpoint, EndpointPort, EndpointSlice } from "../api/endpointslice/type.ts";
import { DEFAULT_WEIGHT, sliceWeights } from "../api/endpointslice/weights.ts";
import type { Protocol } from "../api/service/type.ts";
import type { Ip, IpFamily } from "../base/ip.ts";
import { canonicalText, parseSloppyIp } from "../base/sloppy-ip.ts";
import type { NodeView } from "./node-view.ts";
import type { Backend } from "./table.ts";

/** An endpoint of one port: a backend, if the Service's policies let it be one. */
export interface Candidate {
  readonly backend: Backend;
  /** Compares as address and port do. */
  readonly order: string;
  /** New connections may go there. */
  readonly ready: boolean;
  /** Terminating, but still answering: a stopgap where nothing is ready. */
  readonly lingering: boolean;
  /** Topology hints: the zones and the nodes that should use it; none if it has none of the kind. */
  readonly forZones: readonly string[];
  readonly forNodes: readonly string[];
}

export interface SlicePort {
  /** "" for the unnamed one. */
  readonly name: string;
  readonly protocol: Protocol;
  /** In order. Endpoints of weight 0 are not among them: they are as good as not there. */
  readonly candidates: readonly Candidate[];
}

export interface SliceReading {
  readonly family: IpFamily;
  readonly ports: readonly SlicePort[];
  /** Addresses of ready endpoints on this node, of a slice with at least one port; for health checks. */
  readonly localReady: readonly string[];
  /** Sentences about what is wrong in the slice's annotations. */
  readonly problems: readonly string[];
}

interface ReadEndpoint extends Omit<Candidate, "backend"> {
  readonly address: string;
  readonly local: boolean;
  readonly weight: number;
}

/** As `node` sees it. A slice of names (FQDN) has no endpoints for a data plane. */
export function readSlice(slice: EndpointSlice, node: NodeView | undefined): SliceReading | undefined {
  const family = slice.addressType === "IPv4" ? 4 : slice.addressType === "IPv6" ? 6 : undefined;
  if (family === undefined) return undefined;
  const { weights, problems } = sliceWeights(slice);
  const endpoints: ReadEndpoint[] = [];
  // A Go server writes an empty list as null.
  for (const endpoint of slice.endpoints ?? []) {
    const [text = ""] = endpoint.addresses;
    const ip = parseSloppyIp(text);
    if (ip?.family !== family) continue;
    const address = canonicalText(ip, text);
    const weight = weights.get(address) ?? DEFAULT_WEIGHT;
    if (weight > 0) endpoints.push(readEndpoint(endpoint, ip, address, weight, node));
  }
  // No number means "all ports", which a virtual port cannot be spread over.
  const numbered = (slice.ports ?? []).filter(({ port }) => port !== undefined);
  return {
    family,
    ports: numbered.map((port) => readPort(port, endpoints)),
    localReady:
      numbered.length === 0
        ? []
        : endpoints.filter(({ ready, local }) => ready && local).map(({ address }) => address),
    problems,
  };
}

function readEndpoint(
  { conditions, nodeName, hints }: Endpoint,
  ip: Ip,
  address: string,
  weight: number,
  node: NodeView | undefined,
): ReadEndpoint {
  return {
    address,
    order: orderOf(ip),
    ready: conditions?.ready ?? true,
    lingering: (conditions?.serving ?? true) && (conditions?.terminating ?? false),
    local: node !== undefined && nodeName === node.name,
    weight,
    forZones: hints?.forZones?.map(({ name }) => name) ?? NONE,
    forNodes: hints?.forNodes?.map(({ name }) => name) ?? NONE,
  };
}

const NONE: readonly string[] = [];

function readPort(
  { name = "", protocol = "TCP", port }: EndpointPort,
  endpoints: readonly ReadEndpoint[],
): SlicePort {
  const suffix = port!.toString(16).padStart(4, "0");
  const candidates = endpoints.map(
    ({ address, order, local, weight, ready, lingering, forZones, forNodes }): Candidate => ({
      backend: backendOf(address, port!, weight, local),
      order: order + suffix,
      ready,
      lingering,
      forZones,
      forNodes,
    }),
  );
  return { name, protocol, candidates: inOrder(candidates) };
}

/** There are as many as endpoints: a literal for each form takes no more room than it needs, as one with spreads does. */
function backendOf(address: string, port: number, weight: number, local: boolean): Backend {
  if (weight !== DEFAULT_WEIGHT) return local ? { address, port, weight, local } : { address, port, weight };
  return local ? { address, port, local } : { address, port };
}

/** Of one family all are of one length, so text compares as numbers do. */
function orderOf({ family, value }: Ip): string {
  return family === 4 ? Number(value).toString(16).padStart(8, "0") : value.toString(16).padStart(32, "0");
}

/** All candidates of several slices: in order, none twice. */
export function mergeCandidates(lists: readonly (readonly Candidate[])[]): readonly Candidate[] {
  if (lists.length < 2) return lists[0] ?? [];
  return inOrder(lists.flat());
}

/** Sorts in place, and makes one of those that are there twice. */
function inOrder(candidates: Candidate[]): readonly Candidate[] {
  candidates.sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0));
  if (!candidates.some(({ order }, i) => order === candidates[i + 1]?.order)) return candidates;
  const merged: Candidate[] = [];
  for (const candidate of candidates) {
    const last = merged.at(-1);
    if (last?.order === candidate.order) merged[merged.length - 1] = together(last, candidate);
    else merged.push(candidate);
  }
  return merged;
}

/**
 * While an endpoint moves from slice to slice it is in both, maybe in two states. The better one counts, whichever of
 * the slices is read first.
 */
function together(a: Candidate, b: Candidate): Candidate {
  const weight = Math.max(a.backend.weight ?? DEFAULT_WEIGHT, b.backend.weight ?? DEFAULT_WEIGHT);
  const local = a.backend.local === true || b.backend.local === true;
  return {
    backend: backendOf(a.backend.address, a.backend.port, weight, local),
    order: a.order,
    ready: a.ready || b.ready,
    lingering: a.lingering || b.lingering,
    forZones: union(a.forZones, b.forZones),
    forNodes: union(a.forNodes, b.forNodes),
  };
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return b.length === 0 ? a : Array.from(new Set([...a, ...b]));
}
