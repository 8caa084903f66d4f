/** Which client keeps its endpoint, and for how long: read from the maps that packets write (affinityN; clientsN with least clients). */
import { ip, ipBytes } from "../base/ip.ts";
import type { SetElement } from "../net/nftables/model.ts";
import type { FakeKernel } from "./fake/kernel.ts";
import { groupNumber } from "./nftables/client-ledger.ts";
import { latin1, numberedKey, portKey } from "./nftables/keys.ts";
import { clientGroup } from "./nftables/pickers.ts";
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
  const map = port.balance === "least-clients" ? `clients${version}` : `affinity${version}`;
  const isThere = (name: string): boolean =>
    kernel.sets(OURS.family, OURS.table).some((set) => set.name === name);
  if (!isThere(map)) return undefined;
  const clients = clientKeys(port, key, source);
  const element = kernel
    .elements({ ...OURS, name: map })
    .find((one) => clients.includes(latin1(one.key)) && isMemberOf(kernel, version, key, one));
  return element === undefined ? undefined : { seconds: Math.floor((element.expiration ?? 0) / 1000) };
}

/** What the client is remembered by: itself and what it connects to, or itself and its Service (inside, or outside). */
function clientKeys(port: VirtualPort, key: Uint8Array, source: string): string[] {
  const client = latin1(ipBytes(ip(source)));
  if (port.balance !== "least-clients") return [client + latin1(key)];
  return [false, true].map((external) => client + groupNumber(clientGroup(port.service, external)));
}

/** Whether what is remembered names one of the port's endpoints. */
function isMemberOf(kernel: FakeKernel, version: 4 | 6, key: Uint8Array, { data }: SetElement): boolean {
  if (data === undefined) return false;
  const member = latin1(numberedKey(key, new DataView(data.slice().buffer).getUint32(0, true)));
  return kernel.elements({ ...OURS, name: `members${version}` }).some((one) => latin1(one.key) === member);
}
