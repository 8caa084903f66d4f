/** What a Network is where its author did not say. */
import type { Network, NetworkSpec } from "./type.ts";

/** Also of a Network that nobody has filled in. */
export function networkType(spec: NetworkSpec | undefined): NonNullable<NetworkSpec["type"]> {
  return spec?.type ?? "Data";
}

/** The gateway is not filled in: what was given stays apart from what follows from the subnet (addresses.ts). */
export function setNetworkDefaults({ spec }: Network): void {
  if (spec === undefined) return;
  spec.type ??= networkType(spec);
  spec.encapsulation ??= "VXLAN";
}
