/**
 * What the names need of objects: a node that serves the cluster's DNS keeps all its Pods, which are mostly about other
 * things. Whoever reads another field for the names (src/dns/service-records.ts, bare-names.ts, src/agent/dns-*.ts), or of Pods
 * that go (gone-clients.ts), keeps it here too.
 */
import { type EndpointSlice, TRIGGER_TIME_ANNOTATION } from "../api/endpointslice/type.ts";
import { CONTIV_NAME_ANNOTATION } from "../api/meta/contiv-name-annotation.ts";
import type { KubeObject, ObjectMeta } from "../api/meta/type.ts";
import type { Namespace } from "../api/namespace/type.ts";
import { CONTAINER_NAME_ANNOTATION } from "../api/pod/container-annotation.ts";
import type { Network } from "../api/network/type.ts";
import type { Pod } from "../api/pod/type.ts";
import type { Service } from "../api/service/type.ts";

export function neededOfNamespace(object: Namespace): Namespace {
  return { metadata: identity(object) };
}

export function neededOfNetwork(network: Network): Network {
  const { deletionTimestamp } = network.metadata;
  return {
    metadata: { ...identity(network), ...(deletionTimestamp !== undefined && { deletionTimestamp }) },
    ...(network.spec !== undefined && { spec: network.spec }),
  };
}

export function neededOfPod(pod: Pod): Pod {
  const { phase, podIP, podIPs } = pod.status ?? {};
  const container = pod.metadata.annotations?.[CONTAINER_NAME_ANNOTATION];
  const isNamed = container !== undefined && container !== pod.metadata.name;
  return {
    metadata: {
      ...identity(pod),
      ...(isNamed && { annotations: { [CONTAINER_NAME_ANNOTATION]: container } }),
    },
    ...(pod.spec?.hostNetwork === true && { spec: { containers: [], hostNetwork: true } }),
    status: {
      ...(phase !== undefined && { phase }),
      ...(podIPs !== undefined && { podIPs }),
      // The first of the others.
      ...(podIP !== undefined && podIPs === undefined && { podIP }),
    },
  };
}

export function neededOfService(service: Service): Service {
  const alias = service.metadata.annotations?.[CONTIV_NAME_ANNOTATION];
  const metadata = {
    ...identity(service),
    ...(alias !== undefined && { annotations: { [CONTIV_NAME_ANNOTATION]: alias } }),
  };
  if (service.spec === undefined) return { metadata };
  const { selector: _, ...spec } = service.spec;
  return { metadata, spec };
}

export function neededOfSlice(slice: EndpointSlice): EndpointSlice {
  const { labels, annotations } = slice.metadata;
  const trigger = annotations?.[TRIGGER_TIME_ANNOTATION];
  return {
    metadata: {
      ...identity(slice),
      ...(labels !== undefined && { labels }),
      ...(trigger !== undefined && { annotations: { [TRIGGER_TIME_ANNOTATION]: trigger } }),
    },
    addressType: slice.addressType,
    // A Go server writes an empty list as null.
    endpoints: (slice.endpoints ?? []).map(({ addresses, conditions, hostname }) => ({
      addresses,
      ...(conditions?.ready === false && { conditions: { ready: false } }),
      ...(hostname !== undefined && { hostname }),
    })),
    ...(slice.ports !== undefined && { ports: slice.ports }),
  };
}

/** What informers tell objects and their states apart by. */
function identity({ metadata: { namespace, name, uid, resourceVersion } }: KubeObject): ObjectMeta {
  return {
    ...(namespace !== undefined && { namespace }),
    name: name!,
    uid: uid!,
    resourceVersion: resourceVersion!,
  };
}
