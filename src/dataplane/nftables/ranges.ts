/** Ranges of addresses as elements of interval sets. */
import type { Cidr } from "../../base/ip.ts";
import { cidr, cidrSize, ipBytes } from "../../base/ip.ts";
import type { SetElement } from "../../net/nftables/model.ts";
import type { IpVersion } from "./sets.ts";

/** 127.0.0.0/8. */
export const loopbackRange: Cidr = cidr("127.0.0.0/8");

/** The elements of an interval set: for each range its first address and, flagged, the first one past it. Ranges that touch or overlap are one. */
export function rangeElements(ranges: readonly Cidr[], version: IpVersion): SetElement[] {
  const bits = version === 4 ? 32n : 128n;
  const spans = ranges
    .filter((range) => range.base.family === version)
    .map((range) => ({ start: range.base.value, end: range.base.value + cidrSize(range) }))
    .sort((a, b) => (a.start < b.start ? -1 : 1));
  const merged: { start: bigint; end: bigint }[] = [];
  for (const span of spans) {
    const last = merged.at(-1);
    if (last === undefined || span.start > last.end) merged.push({ ...span });
    else if (span.end > last.end) last.end = span.end;
  }
  return merged.flatMap(({ start, end }) => {
    const first: SetElement = { key: ipBytes({ family: version, value: start }) };
    // A range that goes to the last address of all has no end.
    if (end === 1n << bits) return [first];
    return [first, { key: ipBytes({ family: version, value: end }), intervalEnd: true }];
  });
}
