/** What is worth a warning about an EndpointSlice that is accepted (pkg/registry/discovery/endpointslice/strategy.go). */
import { addressWarnings } from "../validation/address-warnings.ts";
import type { EndpointSlice } from "./type.ts";
import { sliceWeights, WEIGHTS_ANNOTATION } from "./weights.ts";

/** Addresses that a controller wrote are in order. */
const MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
const CONTROLLERS: ReadonlySet<string | undefined> = new Set([
  "endpointslice-controller.k8s.io",
  "endpointslicemirroring-controller.k8s.io",
]);

export function endpointSliceWarnings(slice: EndpointSlice, old?: EndpointSlice): string[] {
  const { metadata, addressType, endpoints } = slice;
  // Upstream's path has a spec that slices do not have.
  const warnings =
    addressType === "FQDN" && old === undefined ? ["spec.addressType: FQDN endpoints are deprecated"] : [];
  if (CONTROLLERS.has(metadata.labels?.[MANAGED_BY])) return warnings;
  for (const [i, { addresses }] of endpoints.entries())
    for (const [j, address] of addresses.entries())
      warnings.push(...addressWarnings(`endpoints[${i}].addresses[${j}]`, address));
  // Ours, and so ours to warn of: once, when it is written.
  if (metadata.annotations?.[WEIGHTS_ANNOTATION] !== old?.metadata.annotations?.[WEIGHTS_ANNOTATION])
    warnings.push(...sliceWeights(slice).problems);
  return warnings;
}
