/** What a Network is where its author did not say. */
import type { Network } from "./type.ts";

/** The gateway is not filled in: what was given stays apart from what follows from the subnet (addresses.ts). */
export function setNetworkDefaults({ spec }: Network): void {
  if (spec === undefined) return;
  spec.type ??= "Data";
  spec.encapsulation ??= "VXLAN";
}
