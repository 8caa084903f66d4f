/** Where a Pod is reached. */
import type { Pod } from "./type.ts";

/** The pod's addresses, primary first (status.podIPs, or the older podIP alone). */
export function podAddresses({ status }: Pod): readonly string[] {
  if (status?.podIPs !== undefined && status.podIPs.length > 0) return status.podIPs.map(({ ip }) => ip);
  return status?.podIP === undefined || status.podIP === "" ? [] : [status.podIP];
}
