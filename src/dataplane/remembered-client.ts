/** Which client keeps its endpoint, and for how long: read from the map that packets write (affinity4, affinity6). */
import { ip, ipBytes } from "../base/ip.ts";
import type { FakeKernel } from "./fake/kernel.ts";
import { latin1, numberedKey, portKey } from "./nftables/keys.ts";
import { OURS } from "./nftables/sets.ts";
import type { VirtualPort } from "./table.ts";

/** The seconds that are left of a client's affinity; undefined if it has none, or if its endpoint is gone. */
export function rememberedClient(
  kernel: FakeKernel,
  port: VirtualPort,
  source: string,
): { readonly seconds: number } | undefined {
  const version = source.includes(":") ? 6 : 4;
  const key = portKey(port);
  const client = latin1(ipBytes(ip(source))) + latin1(key);
  const isThere = (name: string): boolean =>
    kernel.sets(OURS.family, OURS.table).some((set) => set.name === name);
  if (!isThere(`affinity${version}`)) return undefined;
  const element = kernel
    .elements({ ...OURS, name: `affinity${version}` })
    .find((one) => latin1(one.key) === client);
  if (element?.data === undefined) return undefined;
  const member = latin1(numberedKey(key, new DataView(element.data.slice().buffer).getUint32(0, true)));
  const isMember = kernel
    .elements({ ...OURS, name: `members${version}` })
    .some((one) => latin1(one.key) === member);
  return isMember ? { seconds: Math.floor((element.expiration ?? 0) / 1000) } : undefined;
}
