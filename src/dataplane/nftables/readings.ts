/** What the table in the kernel tells about traffic and about its own size: for metrics. */
import type { NftablesPort } from "./port.ts";
import type { Programmed } from "./programmed.ts";
import { AFFINITY_SIZE, table } from "./sets.ts";

/** Packets (of new connections: each attempt sends some) since the table was made. */
export interface PacketCounters {
  /** Answered with a TCP reset or an ICMP error: no such endpoint, port or address. */
  readonly refused: number;
  /** Dropped because a traffic policy Local has endpoints elsewhere only. */
  readonly discarded: number;
  /** Dropped because of their source (loadBalancerSourceRanges). */
  readonly notAllowed: number;
}

/** How full a map is. */
export interface MapFill {
  /** As `nft list table inet fairlead` calls it; both families' together under the name without 4 or 6. */
  readonly name: string;
  readonly elements: number;
  /** More do not fit. Absent: as many as there is memory for. */
  readonly limit?: number;
}

const COUNTING = { refuse: "refused", discard: "discarded", "not-allowed": "notAllowed" } as const;

export function readCounters(port: NftablesPort): PacketCounters {
  const counters = { refused: 0, discarded: 0, notAllowed: 0 };
  for (const { chain, expressions } of port.rules(table.family, table.name)) {
    const name = COUNTING[chain as keyof typeof COUNTING];
    if (name === undefined) continue;
    for (const expression of expressions)
      if (expression.type === "counter") counters[name] += Number(expression.packets ?? 0n);
  }
  return counters;
}

/** From what is programmed; only what packets write is asked of the kernel. */
export function readMapFill(port: NftablesPort, programmed: Programmed): MapFill[] {
  const fill = {
    pickers: 0,
    external: 0,
    endpoints: 0,
    members: 0,
    allowed: 0,
    outside: 0,
    addresses: programmed.counts.whole.size,
  };
  for (const { all, external, sources, place } of programmed.ports.values()) {
    if (all.picker !== undefined) fill.pickers++;
    if (external?.picker !== undefined) fill.external++;
    fill.endpoints += all.slots.length + (external?.slots.length ?? 0);
    fill.members += all.names.size + (external?.names.size ?? 0);
    fill.allowed += sources?.length ?? 0;
    if (place === "outside") fill.outside++;
  }
  const affinity = port
    .sets(table.family, table.name)
    .filter(({ flags }) => flags.dynamic === true)
    // Counting a full one on an older kernel takes it seconds: it lists each part of the elements by passing over those before.
    .map((set) => ({
      name: set.name,
      elements: set.count ?? port.elements(set).length,
      limit: AFFINITY_SIZE,
    }));
  return [...Object.entries(fill).map(([name, elements]) => ({ name, elements })), ...affinity];
}
