/** The ranges that the agent has told the kernel: the API does not know them all. */
import type { Ip, IpFamily } from "../../base/ip.ts";
import { formatCidr, ipFromBytes } from "../../base/ip.ts";
import type { FakeKernel } from "../../dataplane/fake/kernel.ts";
import { OURS } from "../../dataplane/nftables/sets.ts";
import type { ServiceTable } from "../../dataplane/table.ts";
import type { SetElement } from "../../net/nftables/model.ts";

/** `table` with the kernel's ranges in place of those that are guessed. */
export function withKernelRanges(table: ServiceTable, kernel: FakeKernel): ServiceTable {
  const names = new Set(kernel.sets(OURS.family, OURS.table).map(({ name }) => name));
  const read = (name: string): string[] =>
    ([4, 6] as const).flatMap((family) => {
      const set = `${name}${family}`;
      return names.has(set) ? rangesOf(kernel.elements({ ...OURS, name: set }), family) : [];
    });
  return { ...table, ranges: read("ranges"), podRanges: read("pods"), routedRanges: read("routed") };
}

/** The borders of an interval set as CIDR ranges, as few as there can be. */
export function rangesOf(borders: readonly SetElement[], family: IpFamily): string[] {
  const bits = family === 4 ? 32 : 128;
  const sorted = borders
    .map(({ key, intervalEnd }) => ({ at: ipFromBytes(key).value, ends: intervalEnd === true }))
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : Number(b.ends) - Number(a.ends)));
  return sorted.flatMap(({ at, ends }, index) =>
    ends ? [] : split(at, sorted[index + 1]?.at ?? 1n << BigInt(bits), family, bits),
  );
}

function split(from: bigint, end: bigint, family: IpFamily, bits: number): string[] {
  const found: string[] = [];
  for (let at = from; at < end;) {
    let free = 0;
    while (free < bits && (at >> BigInt(free)) % 2n === 0n && at + (1n << BigInt(free + 1)) <= end) free++;
    const base: Ip = { family, value: at };
    found.push(formatCidr({ base, length: bits - free }));
    at += 1n << BigInt(free);
  }
  return found;
}
