/** Sets of single addresses as few ranges. */
import type { Cidr, Ip, IpFamily } from "./ip.ts";

/**
 * The fewest ranges that hold these addresses and no other, in ascending order, IPv4 first. The same address may come more
 * than once.
 */
export function cidrCover(addresses: Iterable<Ip>): Cidr[] {
  const all = [...addresses];
  return ([4, 6] as const).flatMap((family) =>
    cover(
      family,
      all.filter((address) => address.family === family).map(({ value }) => value),
    ),
  );
}

function cover(family: IpFamily, values: readonly bigint[]): Cidr[] {
  const bits = family === 4 ? 32 : 128;
  const sorted = [...new Set(values)].sort((a, b) => (a < b ? -1 : 1));
  const ranges: Cidr[] = [];
  for (const value of sorted) {
    let range: Cidr = { base: { family, value }, length: bits };
    // Two halves of a greater one: the lower was met before.
    for (
      let last = ranges.at(-1);
      last !== undefined && isOtherHalf(last, range, bits);
      last = ranges.at(-1)
    ) {
      ranges.pop();
      range = { base: last.base, length: last.length - 1 };
    }
    ranges.push(range);
  }
  return ranges;
}

function isOtherHalf(lower: Cidr, upper: Cidr, bits: number): boolean {
  if (lower.length !== upper.length || lower.length === 0) return false;
  const size = 1n << BigInt(bits - lower.length);
  return lower.base.value + size === upper.base.value && (lower.base.value & size) === 0n;
}
