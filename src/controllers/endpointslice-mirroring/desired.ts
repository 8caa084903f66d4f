/** Which slices Endpoints that somebody made by hand should have: pure. */
import type { Endpoint, EndpointPort } from "../../api/endpointslice/type.ts";
import {
  MANAGED_BY_LABEL,
  SERVICE_NAME_LABEL,
  TRIGGER_TIME_ANNOTATION,
} from "../../api/endpointslice/type.ts";
import type { EndpointAddress, Endpoints, EndpointsPort } from "../../api/endpoints/type.ts";
import type { Service } from "../../api/service/type.ts";
import { formatIp } from "../../base/ip.ts";
import { parseSloppyIp } from "../../base/sloppy-ip.ts";
import {
  type AddressType,
  type DesiredEndpoints,
  type EndpointGroup,
  groupKey,
} from "../endpointslice/desired.ts";
import { controllerReference, type SliceOwner } from "../endpointslice/slice.ts";
import { hasSelector } from "../pod-endpoint.ts";

export const MIRRORING_CONTROLLER = "endpointslicemirroring-controller.k8s.io";
/** The most addresses of one subset that are mirrored: a subset is one slice of each family. */
export const MAX_ENDPOINTS_PER_SUBSET = 1000;

const SKIP_MIRROR_LABEL = "endpointslice.kubernetes.io/skip-mirror";
const LEADER_ANNOTATION = "control-plane.alpha.kubernetes.io/leader";
/** Of no use to whoever reads a slice (endpointslicemirroring utils.go). */
const LEFT_OUT_ANNOTATIONS = [TRIGGER_TIME_ANNOTATION, "kubectl.kubernetes.io/last-applied-configuration"];

/** Whether the slices of a Service are to be made from its Endpoints: only if nothing else makes them. */
export function isMirrored(
  service: Service | undefined,
  endpoints: Endpoints | undefined,
): endpoints is Endpoints {
  if (service === undefined || endpoints === undefined || hasSelector(service)) return false;
  const { labels, annotations, deletionTimestamp } = endpoints.metadata;
  if (deletionTimestamp !== undefined || annotations?.[LEADER_ANNOTATION] !== undefined) return false;
  return labels?.[SKIP_MIRROR_LABEL] !== "true";
}

export function endpointsOwner({ metadata }: Endpoints): SliceOwner {
  const { namespace, name = "", uid = "" } = metadata;
  const annotations = { ...metadata.annotations };
  for (const annotation of LEFT_OUT_ANNOTATIONS) delete annotations[annotation];
  return {
    namespace,
    name,
    reference: controllerReference("Endpoints", name, uid),
    labels: { ...metadata.labels, [SERVICE_NAME_LABEL]: name, [MANAGED_BY_LABEL]: MIRRORING_CONTROLLER },
    annotations,
  };
}

export interface MirroredEndpoints extends Pick<DesiredEndpoints, "addressTypes" | "groups"> {
  /** Addresses that are none. */
  readonly invalid: number;
  /** Addresses over the limit. */
  readonly tooMany: number;
}

/** What is in the subsets. */
export function mirroredEndpoints(endpoints: Endpoints): MirroredEndpoints {
  const groups = new Map<string, EndpointGroup & { endpoints: Endpoint[] }>();
  let [invalid, tooMany] = [0, 0];
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of endpoints.subsets ?? []) {
    const mirroredPorts = ports.map(portOf);
    let taken = 0;
    for (const [list, ready] of [
      [addresses, true],
      [notReadyAddresses, false],
    ] as const)
      for (const address of list) {
        const ip = parseSloppyIp(address.ip);
        if (ip === undefined || taken >= MAX_ENDPOINTS_PER_SUBSET) {
          if (ip === undefined) invalid++;
          else tooMany++;
          continue;
        }
        taken++;
        const addressType: AddressType = `IPv${ip.family}`;
        const key = groupKey(addressType, mirroredPorts);
        let group = groups.get(key);
        if (group === undefined)
          groups.set(key, (group = { addressType, ports: mirroredPorts, endpoints: [] }));
        group.endpoints.push(endpointOf(address, formatIp(ip), ready));
      }
  }
  return { addressTypes: ["IPv4", "IPv6"], groups: Array.from(groups.values()), invalid, tooMany };
}

function portOf({ name = "", port, protocol = "TCP", appProtocol }: EndpointsPort): EndpointPort {
  return { name, protocol, port, ...(appProtocol !== undefined && { appProtocol }) };
}

function endpointOf(
  { hostname, nodeName, targetRef }: EndpointAddress,
  ip: string,
  ready: boolean,
): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname !== undefined && hostname !== "" && { hostname }),
    ...(targetRef !== undefined && { targetRef }),
    ...(nodeName !== undefined && { nodeName }),
  };
}
