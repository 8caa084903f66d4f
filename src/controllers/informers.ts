/** The caches that the controllers share: one list and one watch for each kind, however many loops read it. */
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import { type EndpointSlice, SERVICE_NAME_LABEL } from "../api/endpointslice/type.ts";
import { endpointsKind } from "../api/endpoints/kind.ts";
import type { Endpoints } from "../api/endpoints/type.ts";
import { nodeKind } from "../api/node/kind.ts";
import type { Node } from "../api/node/type.ts";
import { podKind } from "../api/pod/kind.ts";
import type { Pod } from "../api/pod/type.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { Service } from "../api/service/type.ts";
import type { Log } from "../base/log.ts";
import type { Client } from "../client/client.ts";
import { type Informer, startInformer } from "../client/informer.ts";
import { keyText } from "../client/object-key.ts";
import { selects, wantsEndpoints } from "./pod-endpoint.ts";

export interface SharedInformers {
  /** By one label of the selector: "namespace/label=value". */
  readonly services: Informer<Service, "selector">;
  /** By each of their labels: "namespace/label=value". */
  readonly pods: Informer<Pod, "label">;
  readonly nodes: Informer<Node>;
  /** By the Service that their label names: "namespace/name". */
  readonly slices: Informer<EndpointSlice, "service">;
  readonly endpoints: Informer<Endpoints>;
}

export function startSharedInformers(client: Client, signal: AbortSignal, log: Log): SharedInformers {
  const shared = { client, signal, log };
  return {
    services: startInformer({ ...shared, kind: serviceKind, indexes: { selector: indexedSelector } }),
    pods: startInformer({ ...shared, kind: podKind, indexes: { label: labelPairs } }),
    nodes: startInformer({ ...shared, kind: nodeKind }),
    slices: startInformer({ ...shared, kind: endpointSliceKind, indexes: { service: serviceOfSlice } }),
    endpoints: startInformer({ ...shared, kind: endpointsKind }),
  };
}

function pair(namespace: string | undefined, label: string, value: string): string {
  return `${namespace}/${label}=${value}`;
}

function labelPairs({ metadata }: Pod): string[] {
  return Object.entries(metadata.labels ?? {}).map(([label, value]) =>
    pair(metadata.namespace, label, value),
  );
}

/** One pair is enough to find a Service: a pod that it selects has them all. */
function indexedSelector(service: Service): string[] {
  if (!wantsEndpoints(service)) return [];
  const [label, value] = Object.entries(service.spec!.selector!).sort(([a], [b]) => (a < b ? -1 : 1))[0]!;
  return [pair(service.metadata.namespace, label, value)];
}

/** "namespace/name" of the Service a slice belongs to, as a list of one or none. */
export function serviceOfSlice({ metadata }: EndpointSlice): string[] {
  const name = metadata.labels?.[SERVICE_NAME_LABEL];
  return name === undefined || name === "" ? [] : [keyText(metadata.namespace, name)];
}

/** The pods that `service` selects. Costs as much as its rarest label has pods. */
export function podsOf(service: Service, { pods }: Pick<SharedInformers, "pods">): Pod[] {
  let fewest: ReadonlyMap<string, Pod> | undefined;
  for (const [label, value] of Object.entries(service.spec?.selector ?? {})) {
    const found = pods.byIndex("label", pair(service.metadata.namespace, label, value));
    if (fewest === undefined || found.size < fewest.size) fewest = found;
  }
  return Array.from(fewest?.values() ?? []).filter((pod) => selects(service, pod));
}

/** The Services that select `pod`. */
export function servicesOf(pod: Pod, { services }: Pick<SharedInformers, "services">): Service[] {
  return labelPairs(pod).flatMap((value) =>
    Array.from(services.byIndex("selector", value).values()).filter((service) => selects(service, pod)),
  );
}
