/** What a Pod is to a Service: whether it counts, whether it may get traffic, and where a port of the Service ends on it. */
import { WEIGHT_ANNOTATION } from "../api/endpointslice/weights.ts";
import { podAddresses } from "../api/pod/addresses.ts";
import { hasEnded } from "../api/pod/ended.ts";
import type { ContainerPort, Pod } from "../api/pod/type.ts";
import type { Service, ServicePort } from "../api/service/type.ts";

/** A pod counts while it has an address and has not ended (endpointslice utils.go, ShouldPodBeInEndpoints). */
export function countsAsEndpoint(pod: Pod, includeTerminating: boolean): boolean {
  if (hasEnded(pod) || podAddresses(pod).length === 0) return false;
  return includeTerminating || !isTerminating(pod);
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

/** Whether every label of the Service's selector is on the pod. A Service without selector selects nothing. */
export function selects(service: Service, pod: Pod): boolean {
  if (service.metadata.namespace !== pod.metadata.namespace || !hasSelector(service)) return false;
  const labels = pod.metadata.labels ?? {};
  return Object.entries(service.spec!.selector!).every(([key, value]) => labels[key] === value);
}

/** An empty selector is none: Kubernetes stores the two alike. */
export function hasSelector(service: Service): boolean {
  const selector = service.spec?.selector;
  return selector !== undefined && Object.keys(selector).length > 0;
}

/** Whether endpoints are made from the selector at all. Those of an ExternalName are a name's (issue 105986). */
export function wantsEndpoints(service: Service): boolean {
  return hasSelector(service) && service.spec?.type !== "ExternalName";
}

/** No virtual address: "None", or none allocated (IsServiceIPSet). */
export function isHeadless(service: Service): boolean {
  const address = service.spec?.clusterIP;
  return address === undefined || address === "" || address === "None";
}

/**
 * The number that a Service's port has on this pod; undefined if the pod has no port of that name and protocol.
 * Sidecars (init containers that are restarted always) count after the containers (podutil.FindPort).
 */
export function targetPort(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target === 0 ? port.port : target;
  const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  for (const { ports = [] } of [...(pod.spec?.containers ?? []), ...sidecars])
    for (const candidate of ports)
      if (candidate.name === target && protocolOf(candidate) === protocolOf(port))
        return candidate.containerPort;
  return undefined;
}

function protocolOf({ protocol }: ServicePort | ContainerPort): string {
  return protocol ?? "TCP";
}

/** The pod's name in DNS, if the Service is its governing one (ShouldSetHostname). */
export function hostnameIn(pod: Pod, service: Service): string | undefined {
  const { hostname, subdomain } = pod.spec ?? {};
  if (hostname === undefined || hostname === "" || subdomain !== service.metadata.name) return undefined;
  return pod.metadata.namespace === service.metadata.namespace ? hostname : undefined;
}

/** Whether a change of a pod can change the endpoints of any Service (its labels apart). */
export function sameAsEndpoint(a: Pod, b: Pod): boolean {
  return endpointText(a) === endpointText(b);
}

function endpointText(pod: Pod): string {
  const { spec, status } = pod;
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return JSON.stringify([
    pod.metadata.uid,
    isTerminating(pod),
    podAddresses(pod),
    hasEnded(pod),
    ready?.status,
    spec?.nodeName,
    spec?.hostname,
    spec?.subdomain,
    spec?.containers.map(({ ports }) => ports),
    spec?.initContainers?.map(({ ports, restartPolicy }) => [ports, restartPolicy]),
    pod.metadata.annotations?.[WEIGHT_ANNOTATION],
  ]);
}
