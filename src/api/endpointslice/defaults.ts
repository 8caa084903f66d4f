/** What an EndpointSlice has when its client said nothing (pkg/apis/discovery/v1/defaults.go). */
import type { EndpointSlice } from "./type.ts";

export function setEndpointSliceDefaults(slice: EndpointSlice): void {
  for (const port of slice.ports ?? []) {
    port.name ??= "";
    port.protocol ??= "TCP";
  }
}
