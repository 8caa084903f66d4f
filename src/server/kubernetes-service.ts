/** The Service `kubernetes` in `default`, through which pods find this server, and its endpoints (pkg/controlplane). */
import { ApiError } from "../api/api-error.ts";
import { endpointsKind } from "../api/endpoints/kind.ts";
import type { Endpoints } from "../api/endpoints/type.ts";
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import { type EndpointSlice, SERVICE_NAME_LABEL } from "../api/endpointslice/type.ts";
import type { Kind } from "../api/kind.ts";
import type { KubeObject } from "../api/meta/type.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { Service } from "../api/service/type.ts";
import type { CallContext } from "./registry.ts";
import type { OwnedRegistry } from "./registry/create-registry.ts";
import type { Writer } from "./registry/writer.ts";

const SYSTEM: CallContext = { user: { name: "system:fairlead", groups: ["system:masters"] } };
const NAMESPACE = "default";
const NAME = "kubernetes";
const PORT_NAME = "https";

export interface KubernetesServiceOptions {
  /** The virtual address: the first of the primary service range. */
  readonly clusterIP: string;
  /** Where this server listens. */
  readonly host: string;
  readonly port: number;
}

/** Makes them, or brings them up to date. */
export async function publishKubernetesService(
  registry: OwnedRegistry,
  options: KubernetesServiceOptions,
): Promise<void> {
  const { clusterIP, host, port } = options;
  const { writer } = registry;
  await dropMoved(registry, clusterIP);
  const metadata = { namespace: NAMESPACE, name: NAME };
  const service: Service = {
    metadata: { ...metadata, labels: { component: "apiserver", provider: "kubernetes" } },
    spec: {
      type: "ClusterIP",
      clusterIP,
      ports: [{ name: PORT_NAME, protocol: "TCP", port: 443, targetPort: port }],
      sessionAffinity: "None",
    },
  };
  await put(writer, serviceKind, service, (current) => ({
    ...current,
    spec: { ...current.spec, ports: service.spec!.ports! },
  }));
  const endpoints: Endpoints = {
    // The slice below is made here, not mirrored from this.
    metadata: { ...metadata, labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
    subsets: [{ addresses: [{ ip: host }], ports: [{ name: PORT_NAME, port, protocol: "TCP" }] }],
  };
  await put(writer, endpointsKind, endpoints, (current) => ({ ...current, subsets: endpoints.subsets! }));
  const slice: EndpointSlice = {
    metadata: { ...metadata, labels: { [SERVICE_NAME_LABEL]: NAME } },
    addressType: host.includes(":") ? "IPv6" : "IPv4",
    endpoints: [{ addresses: [host], conditions: { ready: true } }],
    ports: [{ name: PORT_NAME, port, protocol: "TCP" }],
  };
  await put(writer, endpointSliceKind, slice, (current) => ({
    ...current,
    addressType: slice.addressType,
    endpoints: slice.endpoints,
    ports: slice.ports!,
  }));
}

/** The service range may be another one than at the last start; an address cannot be changed, so the Service is made anew. */
async function dropMoved(registry: OwnedRegistry, clusterIP: string): Promise<void> {
  const key = { namespace: NAMESPACE, name: NAME };
  const { items } = await registry.list(serviceKind, {
    namespace: NAMESPACE,
    fieldSelector: `metadata.name=${NAME}`,
  });
  const [existing] = items;
  if (existing !== undefined && existing.spec?.clusterIP !== clusterIP)
    await registry.delete(serviceKind, key, {}, SYSTEM);
}

/** Changes the object that is there, or creates it. Trusted: users may not name loopback addresses, we listen on one. */
async function put<T extends KubeObject>(
  writer: Writer,
  kind: Kind<T>,
  object: T,
  change: (current: T) => T,
): Promise<void> {
  const { namespace, name } = object.metadata;
  try {
    // First, because a second create would find its own virtual address taken before it finds its name taken.
    await writer.update(kind, { namespace: namespace!, name: name! }, change, { trusted: true }, SYSTEM);
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== "NotFound") throw error;
    await writer.create(kind, namespace, object, { trusted: true }, SYSTEM);
  }
}
