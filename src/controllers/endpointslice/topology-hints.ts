/**
 * For whom each endpoint is, where the Service asks for hints by the annotation service.kubernetes.io/topology-mode:
 * Auto: endpoints are shared out among the zones as their CPU is, each to its own zone as far as that goes. Pure.
 *
 * The rules are upstream's (endpointslice/topologycache): no zone may end up with endpoints so few that each of them
 * would get a fifth more than its fair part; slices that nothing else changes keep their hints as long as they fit;
 * where the rules cannot be kept there are no hints at all, and proxies use every endpoint.
 */
import type { Endpoint } from "../../api/endpointslice/type.ts";
import type { ZoneShares } from "./zone-shares.ts";

/** By how much an endpoint may be overloaded at most (topologycache.go, overloadThreshold). */
const OVERLOAD_THRESHOLD = 0.2;

type Endpoints = readonly Endpoint[];

export interface HintedEndpoints {
  /** In the order of what was given. */
  readonly written: readonly Endpoints[];
  /** In the order of what was given; the same arrays where the hints stay. */
  readonly unchanged: readonly Endpoints[];
  /** In Kubernetes' words, why there are no hints; undefined if there are. */
  readonly problem: string | undefined;
}

interface Allocation {
  readonly minimum: number;
  readonly maximum: number;
  readonly desired: number;
}

/** `written`: the endpoints of slices that are written anyway; `unchanged`: of those that are not, with their hints. Of one family. */
export function topologyHints(
  written: readonly Endpoints[],
  unchanged: readonly Endpoints[],
  shares: ZoneShares | undefined,
): HintedEndpoints {
  const without = (problem: string): HintedEndpoints => ({
    written: written.map(withoutHints),
    unchanged: unchanged.map(withoutHints),
    problem,
  });
  const total = [...written, ...unchanged].flat().filter(isReady).length;
  const allocations = allocate(total, shares);
  if (typeof allocations === "string") return without(allocations);

  const given = new Map<string, number>();
  const kept = unchanged.map((endpoints) => keepHints(endpoints, given, allocations));
  const rewritten = [...written, ...unchanged.filter((_, i) => !kept[i])];
  if (rewritten.some((endpoints) => endpoints.some((one) => isReady(one) && (one.zone ?? "") === "")))
    return without("One or more endpoints do not have a zone specified");

  const zones = rewritten.map((endpoints) => endpoints.map((one) => (isReady(one) ? one.zone! : undefined)));
  for (const zone of zones.flat()) if (zone !== undefined) add(given, zone, 1);
  redistribute(zones, balance(allocations, given));
  const hinted = rewritten.map((endpoints, i) =>
    endpoints.map((endpoint, j) => withHint(endpoint, zones[i]![j])),
  );
  let next = written.length;
  return {
    written: hinted.slice(0, written.length),
    unchanged: unchanged.map((endpoints, i) => (kept[i]! ? endpoints : hinted[next++]!)),
    problem: undefined,
  };
}

/** How many endpoints each zone may have; or why that cannot be said. */
function allocate(total: number, shares: ZoneShares | undefined): ReadonlyMap<string, Allocation> | string {
  if (shares === undefined)
    return "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes";
  const counts = `(${total} endpoints, ${shares.size} zones)`;
  if (shares.size > total) return `Insufficient number of endpoints ${counts}`;
  const least = Array.from(shares, ([zone, share]) => {
    const fair = share * total;
    const minimum = Math.ceil(fair * (1 / (1 + OVERLOAD_THRESHOLD)));
    return { zone, minimum, desired: Math.max(fair, minimum) };
  });
  const spare = total - least.reduce((sum, { minimum }) => sum + minimum, 0);
  if (spare < 0)
    return `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${counts}`;
  return new Map(
    least.map(({ zone, minimum, desired }) => [zone, { minimum, maximum: minimum + spare, desired }]),
  );
}

/** Whether the hints of an unchanged slice still fit; if so, they are added to `given`. */
function keepHints(
  endpoints: Endpoints,
  given: Map<string, number>,
  allocations: ReadonlyMap<string, Allocation>,
): boolean {
  const hints = new Map<string, number>();
  for (const endpoint of endpoints.filter(isReady)) {
    const zones = endpoint.hints?.forZones ?? [];
    if (zones.length === 0 || zones.some(({ name }) => !allocations.has(name))) return false;
    for (const { name } of zones) add(hints, name, 1);
  }
  for (const [zone, count] of hints)
    if (count + (given.get(zone) ?? 0) > allocations.get(zone)!.maximum) return false;
  for (const [zone, count] of hints) add(given, zone, count);
  return true;
}

/** How many endpoints zones should give to others, and get from others. */
interface Balance {
  readonly giving: Map<string, number>;
  readonly receiving: Map<string, number>;
}

/** One endpoint at a time goes from the zone with the most too many to that with the most too few. */
function balance(allocations: ReadonlyMap<string, Allocation>, given: ReadonlyMap<string, number>): Balance {
  const [tooMany, tooFew] = [new Map<string, number>(), new Map<string, number>()];
  for (const [zone, { desired }] of allocations) {
    const over = (given.get(zone) ?? 0) - desired;
    if (over > 0) tooMany.set(zone, over);
    else if (over < 0) tooFew.set(zone, -over);
  }
  const found: Balance = { giving: new Map(), receiving: new Map() };
  for (;;) {
    const [from, over] = most(tooMany);
    const [to, under] = most(tooFew);
    // Half an endpoint is not worth a move, and neither is less than one on both sides.
    if (from === "" || to === "" || (over < 1 && under < 1) || over < 0.5 || under < 0.5) return found;
    add(found.giving, from, 1);
    add(tooMany, from, -1);
    add(found.receiving, to, 1);
    add(tooFew, to, -1);
  }
}

/** Changes `zones`, of each endpoint the zone that it is for. */
function redistribute(zones: (string | undefined)[][], { giving, receiving }: Balance): void {
  for (const slice of zones)
    for (const [i, zone] of slice.entries()) {
      if (zone === undefined || (giving.get(zone) ?? 0) === 0) continue;
      const [to] = Array.from(receiving).find(([, wanted]) => wanted > 0) ?? [];
      if (to === undefined) return;
      slice[i] = to;
      add(giving, zone, -1);
      add(receiving, to, -1);
    }
}

function most(zones: ReadonlyMap<string, number>): readonly [zone: string, number: number] {
  let found: readonly [string, number] = ["", 0];
  for (const entry of zones) if (entry[1] > found[1]) found = entry;
  return found;
}

function add(counts: Map<string, number>, zone: string, number: number): void {
  counts.set(zone, (counts.get(zone) ?? 0) + number);
}

function isReady({ conditions }: Endpoint): boolean {
  return conditions?.ready === true;
}

function withoutHints(endpoints: Endpoints): Endpoints {
  return endpoints.some(({ hints }) => hints !== undefined)
    ? endpoints.map((endpoint) => withHint(endpoint, undefined))
    : endpoints;
}

function withHint(given: Endpoint, zone: string | undefined): Endpoint {
  const { hints: _, ...endpoint } = given;
  return zone === undefined ? endpoint : { ...endpoint, hints: { forZones: [{ name: zone }] } };
}
