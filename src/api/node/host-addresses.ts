/** The addresses that a machine itself has: no Service's, for that would close the machine's own ports there. */
import { parseSloppyIp } from "../../base/sloppy-ip.ts";
import type { Node } from "./type.ts";

/**
 * Node annotation: the addresses of the machine that its status does not name, comma-separated, because others do not reach
 * it by them. The bridges' of its containers are such.
 */
export const HOST_ADDRESSES_ANNOTATION = "fairlead.dev/host-addresses";

/** What the status and the annotation say that is an IP address. Host names are none. */
export function hostAddresses({ metadata, status = {} }: Node): string[] {
  const said = (metadata.annotations?.[HOST_ADDRESSES_ANNOTATION] ?? "").split(",");
  const addresses = [...(status.addresses ?? []).map(({ address }) => address), ...said];
  return [...new Set(addresses)].filter((text) => parseSloppyIp(text) !== undefined);
}
