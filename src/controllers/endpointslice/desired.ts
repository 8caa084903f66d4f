/** What endpoints a Service should have: pure, from the Service, the pods it selects and their nodes. */
import type { Endpoint, EndpointPort, EndpointSlice } from "../../api/endpointslice/type.ts";
import { DEFAULT_WEIGHT, podWeight } from "../../api/endpointslice/weights.ts";
import type { Node } from "../../api/node/type.ts";
import { podAddresses } from "../../api/pod/addresses.ts";
import type { Pod } from "../../api/pod/type.ts";
import type { Service } from "../../api/service/type.ts";
import { formatIp } from "../../base/ip.ts";
import { parseSloppyIp } from "../../base/sloppy-ip.ts";
import { countsAsEndpoint, hostnameIn, isReady, isTerminating, targetPort } from "../pod-endpoint.ts";
import { ZONE_LABEL } from "./zone-shares.ts";

export type AddressType = Extract<EndpointSlice["addressType"], "IPv4" | "IPv6">;

/** Endpoints that share their family and ports, and so their slices. */
export interface EndpointGroup {
  readonly addressType: AddressType;
  readonly ports: readonly EndpointPort[];
  /** In order of pod name. */
  readonly endpoints: readonly Endpoint[];
}

export interface DesiredEndpoints {
  /** The families for which slices are wanted at all. */
  readonly addressTypes: readonly AddressType[];
  readonly groups: readonly EndpointGroup[];
  /** Nodes that pods name and that do not exist: when one appears, the answer is another. */
  readonly missingNodes: readonly string[];
  /** What the pods say of their weights, by address; those of the default weight are left out. */
  readonly weights: ReadonlyMap<string, number>;
}

/** `pods` are those the Service selects, in any order. */
export function desiredEndpoints(
  service: Service,
  pods: Iterable<Pod>,
  nodeOf: (name: string) => Node | undefined,
): DesiredEndpoints {
  const addressTypes = addressTypesOf(service);
  const groups = new Map<string, EndpointGroup & { endpoints: Endpoint[] }>();
  const missingNodes = new Set<string>();
  const weights = new Map<string, number>();
  const ordered = Array.from(pods).sort((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1));
  for (const pod of ordered) {
    if (!countsAsEndpoint(pod, true)) continue;
    const nodeName = pod.spec?.nodeName;
    const node = nodeName === undefined || nodeName === "" ? undefined : nodeOf(nodeName);
    if (nodeName !== undefined && nodeName !== "" && node === undefined) {
      missingNodes.add(nodeName);
      // A pod whose machine is unknown is most likely gone with it; whoever publishes unready addresses wants it anyway.
      if (service.spec?.publishNotReadyAddresses !== true) continue;
    }
    const ports = endpointPorts(service, pod);
    const { weight } = podWeight(pod);
    for (const addressType of addressTypes) {
      const addresses = addressesOf(pod, addressType);
      if (addresses.length === 0) continue;
      const key = groupKey(addressType, ports);
      let group = groups.get(key);
      if (group === undefined) groups.set(key, (group = { addressType, ports, endpoints: [] }));
      group.endpoints.push(endpointOf(service, pod, node, addresses));
      if (weight !== DEFAULT_WEIGHT) for (const address of addresses) weights.set(address, weight);
    }
  }
  return {
    addressTypes,
    groups: Array.from(groups.values()),
    missingNodes: Array.from(missingNodes),
    weights,
  };
}

/** Equal for slices and groups whose endpoints may be in one slice, whatever the order of their ports. */
export function groupKey(addressType: string, ports: readonly EndpointPort[]): string {
  const texts = ports.map(({ name = "", protocol = "TCP", port, appProtocol }) =>
    JSON.stringify([name, protocol, port, appProtocol]),
  );
  return `${addressType} ${texts.sort().join(" ")}`;
}

function addressTypesOf({ spec }: Service): AddressType[] {
  if (spec?.ipFamilies !== undefined && spec.ipFamilies.length > 0) return [...spec.ipFamilies];
  const family = familyOf(spec?.clusterIP ?? "");
  // Headless and not yet defaulted: whatever the pods have (endpointslice utils.go, getAddressTypesForService).
  return family === undefined ? ["IPv4", "IPv6"] : [family];
}

/** In canonical form: what a pod's status says may be written otherwise. */
function addressesOf(pod: Pod, addressType: AddressType): string[] {
  return podAddresses(pod)
    .map(parseSloppyIp)
    .filter((address) => address !== undefined && `IPv${address.family}` === addressType)
    .map((address) => formatIp(address!));
}

function familyOf(text: string): AddressType | undefined {
  const address = parseSloppyIp(text);
  return address === undefined ? undefined : `IPv${address.family}`;
}

/** A port that the pod does not have is left out; a headless Service may have none at all. */
function endpointPorts(service: Service, pod: Pod): EndpointPort[] {
  const ports: EndpointPort[] = [];
  for (const port of service.spec?.ports ?? []) {
    const number = targetPort(pod, port);
    if (number === undefined) continue;
    ports.push({
      name: port.name ?? "",
      protocol: port.protocol ?? "TCP",
      port: number,
      ...(port.appProtocol !== undefined && { appProtocol: port.appProtocol }),
    });
  }
  return ports;
}

function endpointOf(service: Service, pod: Pod, node: Node | undefined, addresses: string[]): Endpoint {
  const serving = isReady(pod);
  const terminating = isTerminating(pod);
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const { namespace, name, uid } = pod.metadata;
  const zone = node?.metadata.labels?.[ZONE_LABEL];
  const hostname = hostnameIn(pod, service);
  const nodeName = pod.spec?.nodeName;
  const endpoint: Endpoint = {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hostname !== undefined && { hostname }),
    targetRef: {
      kind: "Pod",
      ...(namespace !== undefined && { namespace }),
      ...(name !== undefined && { name }),
      ...(uid !== undefined && { uid }),
    },
    ...(nodeName !== undefined && nodeName !== "" && { nodeName }),
    ...(zone !== undefined && zone !== "" && { zone }),
  };
  const hints = hintsFor(service, endpoint);
  return hints === undefined ? endpoint : { ...endpoint, hints };
}

/** For whom the endpoint is, where the Service asks for near ones (spec.trafficDistribution; KEP-3015). */
function hintsFor(service: Service, { conditions, zone, nodeName }: Endpoint): Endpoint["hints"] {
  const distribution = service.spec?.trafficDistribution;
  // The older annotation wins over the field, and asks for hints of another kind (topology-hints.ts).
  if (conditions?.ready !== true || hasTopologyMode(service)) return undefined;
  const forZones = zone === undefined ? undefined : [{ name: zone }];
  if (distribution === "PreferClose" || distribution === "PreferSameZone")
    return forZones === undefined ? undefined : { forZones };
  if (distribution !== "PreferSameNode") return undefined;
  const forNodes = nodeName === undefined ? undefined : [{ name: nodeName }];
  if (forZones === undefined && forNodes === undefined) return undefined;
  return { ...(forZones !== undefined && { forZones }), ...(forNodes !== undefined && { forNodes }) };
}

/** service.kubernetes.io/topology-mode: Auto, or its older name, which goes before it (endpointslice utils.go, hintsEnabled). */
export function hasTopologyMode({ metadata: { annotations = {} } }: Service): boolean {
  const mode =
    annotations["service.kubernetes.io/topology-aware-hints"] ??
    annotations["service.kubernetes.io/topology-mode"];
  return mode === "Auto" || mode === "auto";
}
