/** What Endpoints have when their client said nothing. */
import type { Endpoints } from "./type.ts";

export function setEndpointsDefaults(endpoints: Endpoints): void {
  for (const { ports = [] } of endpoints.subsets ?? []) for (const port of ports) port.protocol ??= "TCP";
}
