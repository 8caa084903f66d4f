/** How much of the cluster is in each zone: the yardstick of topology hints (endpointslice/topologycache, SetNodes). */
import type { Node } from "../../api/node/type.ts";
import { quantityNanos } from "../../api/schema/quantity.ts";

export const ZONE_LABEL = "topology.kubernetes.io/zone";

/** Nodes with one of these labels run no pods of users. */
const EXCLUDING_LABELS = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/** Of all allocatable CPU, the part that each zone has; in order of zone name. */
export type ZoneShares = ReadonlyMap<string, number>;

/**
 * undefined if hints can not be made from what is known: a ready node that does not say its zone or its CPU, or all in
 * one zone.
 */
export function zoneShares(nodes: Iterable<Node>): ZoneShares | undefined {
  const cpu = new Map<string, number>();
  let total = 0;
  for (const node of nodes) {
    if (!counts(node)) continue;
    const zone = zoneOf(node);
    const cores = cpuOf(node);
    if (zone === "" || cores === 0) return undefined;
    cpu.set(zone, (cpu.get(zone) ?? 0) + cores);
    total += cores;
  }
  if (cpu.size < 2) return undefined;
  const shares = Array.from(cpu, ([zone, cores]) => [zone, cores / total] as const);
  return new Map(shares.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Whether a change of a node can change the shares. */
export function sameShare(a: Node, b: Node): boolean {
  if (counts(a) !== counts(b)) return false;
  return !counts(a) || (zoneOf(a) === zoneOf(b) && cpuOf(a) === cpuOf(b));
}

function counts({ metadata, status }: Node): boolean {
  if (EXCLUDING_LABELS.some((label) => metadata.labels?.[label] !== undefined)) return false;
  return status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false;
}

function zoneOf({ metadata }: Node): string {
  return metadata.labels?.[ZONE_LABEL] ?? "";
}

/** In cores; 0 if it does not say. */
function cpuOf({ status }: Node): number {
  const text = status?.allocatable?.["cpu"];
  return text === undefined ? 0 : Number(quantityNanos(text) ?? 0n) / 1e9;
}
