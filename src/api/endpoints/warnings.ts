/** What is worth a warning about Endpoints that are accepted (pkg/registry/core/endpoint endpointsWarnings). */
import { addressWarnings } from "../validation/address-warnings.ts";
import type { Endpoints } from "./type.ts";

/** Addresses that a controller wrote are in order. */
const MANAGED_BY = "endpoints.kubernetes.io/managed-by";
const CONTROLLER = "endpoint-controller";

export function endpointsWarnings({ metadata, subsets = [] }: Endpoints): string[] {
  if (metadata.labels?.[MANAGED_BY] === CONTROLLER) return [];
  return subsets.flatMap((subset, i) =>
    (["addresses", "notReadyAddresses"] as const).flatMap((list) =>
      (subset[list] ?? []).flatMap(({ ip }, j) => addressWarnings(`subsets[${i}].${list}[${j}].ip`, ip)),
    ),
  );
}
