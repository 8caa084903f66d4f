/**
 * What the table needs of Services and EndpointSlices, without the rest: an agent keeps all of a cluster's, and most of
 * what they say is for others. What many of them say alike is kept once.
 *
 * Whoever reads another field for the table (service-ports.ts, slice-endpoints.ts, source-ranges.ts) keeps it here too.
 */
import {
  type Endpoint,
  type EndpointPort,
  type EndpointSlice,
  SERVICE_NAME_LABEL,
  TRIGGER_TIME_ANNOTATION,
} from "../api/endpointslice/type.ts";
import { WEIGHTS_ANNOTATION } from "../api/endpointslice/weights.ts";
import type { ObjectMeta } from "../api/meta/type.ts";
import { BALANCE_ANNOTATION } from "../api/service/balance.ts";
import type { Service, ServicePort, ServiceSpec } from "../api/service/type.ts";
import { NOT_OURS_LABELS } from "./service-ports.ts";
import { SOURCE_RANGES_ANNOTATION } from "./source-ranges.ts";

export interface NeededFields {
  /** With what an Event about it needs, too. */
  readonly service: (object: Service) => Service;
  /** Without its uid: a slice that was made anew is to the table the old one with other endpoints. */
  readonly slice: (object: EndpointSlice) => EndpointSlice;
}

export interface NeededFieldsOptions {
  /** The only node whose name matters: endpoints elsewhere are just not here. */
  readonly nodeName: string;
  /** What was changed before this time, in milliseconds since 1970, tells nothing of how long it took to get here. */
  readonly since: number;
}

/** So many different values are kept at most to be shared; then it begins anew. */
const SHARED = 4096;

const SERVICE_ANNOTATIONS = [BALANCE_ANNOTATION, SOURCE_RANGES_ANNOTATION] as const;

export function createNeededFields({ nodeName, since }: NeededFieldsOptions): NeededFields {
  const shared = new Map<string, unknown>();

  /** The first value that was the same in JSON. */
  function share<Value>(value: Value): Value {
    const text = JSON.stringify(value);
    const known = shared.get(text);
    if (known !== undefined) return known as Value;
    if (shared.size >= SHARED) shared.clear();
    shared.set(text, value);
    return value;
  }

  function sliceAnnotations(all: ObjectMeta["annotations"]): ObjectMeta["annotations"] {
    if (all === undefined) return undefined;
    const { [WEIGHTS_ANNOTATION]: weights, [TRIGGER_TIME_ANNOTATION]: time } = all;
    const isNews = time !== undefined && Date.parse(time) >= since;
    if (weights === undefined) return isNews ? { [TRIGGER_TIME_ANNOTATION]: time } : undefined;
    return isNews
      ? { [WEIGHTS_ANNOTATION]: weights, [TRIGGER_TIME_ANNOTATION]: time }
      : { [WEIGHTS_ANNOTATION]: weights };
  }

  function neededEndpoint({ addresses, conditions, nodeName: node, hints }: Endpoint): Endpoint {
    // Consumers use the first of them only.
    const first = addresses.length > 1 ? addresses.slice(0, 1) : addresses;
    const isPlain =
      (conditions?.ready ?? true) && (conditions?.serving ?? true) && !(conditions?.terminating ?? false);
    // Literals of their own for what most are: they take no more room than they need.
    if (isPlain && hints === undefined)
      return node === nodeName ? { addresses: first, nodeName } : { addresses: first };
    return {
      addresses: first,
      ...(!isPlain && { conditions: share(conditions!) }),
      ...(node === nodeName && { nodeName }),
      ...(hints !== undefined && { hints: share(hints) }),
    };
  }

  return {
    service(object) {
      const { spec, status } = object;
      const metadata = serviceMetadata(object.metadata, share);
      if (spec === undefined) return { metadata };
      const { ingress } = status?.loadBalancer ?? {};
      const needed = neededSpec(spec, share);
      return ingress === undefined || ingress.length === 0
        ? { metadata, spec: needed }
        : { metadata, spec: needed, status: { loadBalancer: { ingress } } };
    },
    slice({ metadata: { name, namespace, resourceVersion, labels, annotations }, ...rest }) {
      const needed = sliceAnnotations(annotations);
      const service = labels?.[SERVICE_NAME_LABEL];
      return {
        metadata: {
          name: name!,
          namespace: share(namespace)!,
          resourceVersion: resourceVersion!,
          labels: service === undefined ? {} : ownedBy(service),
          ...(needed !== undefined && { annotations: needed }),
        },
        addressType: rest.addressType,
        // A Go server writes an empty list as null.
        endpoints: (rest.endpoints ?? []).map(neededEndpoint),
        ports: share((rest.ports ?? []).map(neededEndpointPort)),
      };
    },
  };
}

/** The label written out, not by its constant: an object takes less room so. */
function ownedBy(service: string): Record<typeof SERVICE_NAME_LABEL, string> {
  return { "kubernetes.io/service-name": service };
}

type Share = <Value>(value: Value) => Value;

function serviceMetadata(
  { name, namespace, uid, resourceVersion, creationTimestamp, labels, annotations }: ObjectMeta,
  share: Share,
): ObjectMeta {
  const ours = picked(annotations, SERVICE_ANNOTATIONS);
  const notOurs = picked(labels, NOT_OURS_LABELS);
  return {
    name: name!,
    namespace: share(namespace)!,
    uid: uid!,
    resourceVersion: resourceVersion!,
    creationTimestamp: creationTimestamp!,
    ...(ours !== undefined && { annotations: ours }),
    ...(notOurs !== undefined && { labels: notOurs }),
  };
}

/** Those of `all` with such names; undefined if there are none. */
function picked(
  all: Readonly<Record<string, string>> | undefined,
  names: readonly string[],
): Record<string, string> | undefined {
  const found = names.filter((name) => all?.[name] !== undefined);
  return found.length === 0 ? undefined : Object.fromEntries(found.map((name) => [name, all![name]!]));
}

function neededSpec(spec: ServiceSpec, share: Share): ServiceSpec {
  const { type, clusterIP, externalIPs, sessionAffinity, sessionAffinityConfig } = spec;
  const { externalTrafficPolicy, internalTrafficPolicy, healthCheckNodePort, loadBalancerSourceRanges } =
    spec;
  const clusterIPs = spec.clusterIPs ?? (clusterIP === undefined ? [] : [clusterIP]);
  const needed = (spec.ports ?? []).map(neededPort);
  const ports = needed.some(({ nodePort }) => nodePort !== undefined) ? needed : share(needed);
  const isPlain =
    (type === undefined || type === "ClusterIP") &&
    sessionAffinity !== "ClientIP" &&
    internalTrafficPolicy !== "Local" &&
    loadBalancerSourceRanges === undefined &&
    (externalIPs ?? []).length === 0;
  if (isPlain) return { clusterIPs, ports };
  return {
    clusterIPs,
    ports,
    ...(type !== undefined && { type }),
    ...(externalIPs !== undefined && { externalIPs }),
    ...(sessionAffinity !== undefined && { sessionAffinity }),
    ...(sessionAffinityConfig !== undefined && { sessionAffinityConfig: share(sessionAffinityConfig) }),
    ...(externalTrafficPolicy !== undefined && { externalTrafficPolicy }),
    ...(internalTrafficPolicy !== undefined && { internalTrafficPolicy }),
    ...(healthCheckNodePort !== undefined && { healthCheckNodePort }),
    ...(loadBalancerSourceRanges !== undefined && { loadBalancerSourceRanges }),
  };
}

function neededPort({ name, protocol, port, nodePort }: ServicePort): ServicePort {
  return {
    port,
    ...(name !== undefined && { name }),
    ...(protocol !== undefined && { protocol }),
    ...(nodePort !== undefined && { nodePort }),
  };
}

function neededEndpointPort({ name, protocol, port }: EndpointPort): EndpointPort {
  return {
    ...(port !== undefined && { port }),
    ...(name !== undefined && { name }),
    ...(protocol !== undefined && { protocol }),
  };
}
