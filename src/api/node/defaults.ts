/** What a Node has when its client said nothing. */
import type { Node } from "./type.ts";

/** podCIDR is the first of podCIDRs; a client that knows only one of them gets the other. */
export function setNodeDefaults({ spec }: Node): void {
  if (spec === undefined) return;
  if (spec.podCIDR !== undefined) spec.podCIDRs ??= [spec.podCIDR];
  else if (spec.podCIDRs?.[0] !== undefined) spec.podCIDR = spec.podCIDRs[0];
}
