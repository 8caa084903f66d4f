/** Addresses as people read them: runs, "10.1.1.1-10.1.1.4, 10.1.1.254". Pure. */
import type { AddressRun } from "../api/network/addresses.ts";
import { formatIp, type IpFamily } from "../base/ip.ts";

/** Ascending, and as few as can be. Duplicates count once. */
export function runsOf(addresses: Iterable<bigint>): AddressRun[] {
  const runs: { first: bigint; last: bigint }[] = [];
  for (const address of [...new Set(addresses)].sort((a, b) => (a < b ? -1 : 1))) {
    const last = runs.at(-1);
    if (last !== undefined && last.last + 1n === address) last.last = address;
    else runs.push({ first: address, last: address });
  }
  return runs;
}

/** What of `whole` is in none of `holes`, which are ascending and apart. */
export function runsWithout(whole: AddressRun, holes: readonly AddressRun[]): AddressRun[] {
  const left: AddressRun[] = [];
  let next = whole.first;
  for (const { first, last } of holes) {
    if (last < next) continue;
    if (first > whole.last) break;
    if (first > next) left.push({ first: next, last: first - 1n });
    next = last + 1n;
  }
  if (next <= whole.last) left.push({ first: next, last: whole.last });
  return left;
}

export function runsText(runs: readonly AddressRun[], family: IpFamily): string {
  const text = (value: bigint): string => formatIp({ family, value });
  return runs
    .map(({ first, last }) => (first === last ? text(first) : `${text(first)}-${text(last)}`))
    .join(", ");
}
