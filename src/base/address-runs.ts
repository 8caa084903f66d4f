/** Sets of addresses as runs, "10.1.1.1-10.1.1.4, 10.1.1.254". A run may have 2^120 of them: nothing here counts them one by one. */
import { type Cidr, cidrSize, formatIp, type IpFamily } from "./ip.ts";

/** Addresses of one family one after another, both ends included, as numbers (Ip.value). */
export interface AddressRun {
  readonly first: bigint;
  readonly last: bigint;
}

export function runOfCidr(range: Cidr): AddressRun {
  return { first: range.base.value, last: range.base.value + cidrSize(range) - 1n };
}

export function isInRun({ first, last }: AddressRun, address: bigint): boolean {
  return first <= address && address <= last;
}

/** These addresses, ascending, and as few runs as can be. Duplicates count once. */
export function runsOf(addresses: Iterable<bigint>): AddressRun[] {
  const runs: { first: bigint; last: bigint }[] = [];
  for (const address of [...new Set(addresses)].sort((a, b) => (a < b ? -1 : 1))) {
    const last = runs.at(-1);
    if (last !== undefined && last.last + 1n === address) last.last = address;
    else runs.push({ first: address, last: address });
  }
  return runs;
}

/** What of `whole` is in none of `holes`, ascending; nothing if `whole` ends before it begins. Holes may overlap. */
export function runsWithout(whole: AddressRun, holes: readonly AddressRun[]): AddressRun[] {
  const left: AddressRun[] = [];
  let next = whole.first;
  for (const { first, last } of holes.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    if (last < next) continue;
    if (first > whole.last) break;
    if (first > next) left.push({ first: next, last: first - 1n });
    next = last + 1n;
  }
  if (next <= whole.last) left.push({ first: next, last: whole.last });
  return left;
}

/** The addresses of the runs in order, from `from` on. Lazy. */
export function* addressesIn(runs: readonly AddressRun[], from = 0n): Generator<bigint> {
  for (const { first, last } of runs)
    for (let address = first < from ? from : first; address <= last; address++) yield address;
}

/** For people. */
export function runsText(runs: readonly AddressRun[], family: IpFamily): string {
  const text = (value: bigint): string => formatIp({ family, value });
  return runs
    .map(({ first, last }) => (first === last ? text(first) : `${text(first)}-${text(last)}`))
    .join(", ");
}
