/** What the server does to an EndpointSlice before it is validated (pkg/registry/discovery/endpointslice/strategy.go). */
import { isDeepStrictEqual } from "node:util";
import { dns1123SubdomainComplaints } from "../validation/names.ts";
import type { EndpointSlice } from "./type.ts";

const HOSTNAME_LABEL = "kubernetes.io/hostname";

export function prepareEndpointSliceForCreate(slice: EndpointSlice): void {
  dropTopology(slice, new Set());
}

/** The generation counts changes of labels too: they say which service a slice belongs to. */
export function prepareEndpointSliceForUpdate(slice: EndpointSlice, old: EndpointSlice): void {
  if (!isDeepStrictEqual(slice.metadata.labels ?? {}, old.metadata.labels ?? {}))
    slice.metadata.generation = (old.metadata.generation ?? 0) + 1;
  // Slices that still have the old field keep it until somebody changes their endpoints.
  if (isDeepStrictEqual(slice.endpoints, old.endpoints)) return;
  const nodeNames = old.endpoints.map(({ deprecatedTopology }) => deprecatedTopology?.[HOSTNAME_LABEL] ?? "");
  dropTopology(slice, new Set(nodeNames.filter((name) => name !== "")));
}

/** The field of the v1beta1 API cannot be written through v1; node names that were known only there move to nodeName. */
function dropTopology({ endpoints }: EndpointSlice, known: ReadonlySet<string>): void {
  for (const endpoint of endpoints) {
    const name = endpoint.deprecatedTopology?.[HOSTNAME_LABEL] ?? "";
    if (known.has(name) && dns1123SubdomainComplaints(name).length === 0) endpoint.nodeName ??= name;
    delete endpoint.deprecatedTopology;
  }
}
