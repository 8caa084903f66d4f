/** What the Endpoints of a Service should say: pure, from the Service and the pods it selects. */
import type { EndpointAddress, EndpointsPort, EndpointSubset } from "../../api/endpoints/type.ts";
import { podAddresses } from "../../api/pod/addresses.ts";
import type { Pod } from "../../api/pod/type.ts";
import type { Service } from "../../api/service/type.ts";
import { canonicalAddress, parseSloppyIp } from "../../base/sloppy-ip.ts";
import { countsAsEndpoint, hostnameIn, isHeadless, isReady, targetPort } from "../pod-endpoint.ts";

/** The most addresses that Endpoints hold (endpoints_controller.go, maxCapacity). */
export const MAX_ADDRESSES = 1000;

export interface DesiredSubsets {
  readonly subsets: EndpointSubset[];
  /** There were more than {@link MAX_ADDRESSES}: unready ones are left out first. */
  readonly truncated: boolean;
}

/**
 * Addresses that have the same ports make one subset, as the repacking of Kubernetes has it. Only the Service's
 * primary family is shown: Endpoints know no other. Pods that end are left out, unless unready ones are published.
 */
export function desiredSubsets(service: Service, pods: Iterable<Pod>): DesiredSubsets {
  const publish = service.spec?.publishNotReadyAddresses === true;
  const subsets = new Map<string, Required<EndpointSubset>>();
  for (const pod of pods) {
    if (!countsAsEndpoint(pod, publish)) continue;
    const ip = addressOf(service, pod);
    if (ip === undefined) continue;
    const ports = portsOf(service, pod);
    if (ports === undefined) continue;
    const key = JSON.stringify(ports);
    let subset = subsets.get(key);
    if (subset === undefined) subsets.set(key, (subset = { addresses: [], notReadyAddresses: [], ports }));
    (publish || isReady(pod) ? subset.addresses : subset.notReadyAddresses).push(
      addressEntry(service, pod, ip),
    );
  }
  const ordered = Array.from(subsets)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, subset]) => subset);
  for (const { addresses, notReadyAddresses } of ordered)
    for (const list of [addresses, notReadyAddresses]) list.sort(byAddress);
  const truncated = truncate(ordered);
  return { subsets: ordered.map(tidy).filter((subset) => subset !== undefined), truncated };
}

function addressOf(service: Service, pod: Pod): string | undefined {
  const family = service.spec?.ipFamilies?.[0];
  const addresses = podAddresses(pod).map(canonicalAddress);
  if (family !== undefined) return addresses.find((text) => `IPv${parseSloppyIp(text)?.family}` === family);
  // Not yet defaulted: the family of the virtual address, or of the pod where there is none.
  const wanted = parseSloppyIp(service.spec?.clusterIP ?? "")?.family;
  return wanted === undefined
    ? addresses[0]
    : addresses.find((text) => parseSloppyIp(text)?.family === wanted);
}

/** undefined: the pod has none of the ports. A headless Service may have none at all. */
function portsOf(service: Service, pod: Pod): EndpointsPort[] | undefined {
  const declared = service.spec?.ports ?? [];
  if (declared.length === 0) return isHeadless(service) ? [] : undefined;
  const ports: EndpointsPort[] = [];
  for (const port of declared) {
    const number = targetPort(pod, port);
    if (number === undefined) continue;
    ports.push({
      ...(port.name !== undefined && port.name !== "" && { name: port.name }),
      port: number,
      protocol: port.protocol ?? "TCP",
      ...(port.appProtocol !== undefined && { appProtocol: port.appProtocol }),
    });
  }
  return ports.length === 0
    ? undefined
    : ports.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function addressEntry(service: Service, pod: Pod, ip: string): EndpointAddress {
  const hostname = hostnameIn(pod, service);
  const { namespace, name, uid } = pod.metadata;
  const nodeName = pod.spec?.nodeName;
  return {
    ip,
    ...(hostname !== undefined && { hostname }),
    ...(nodeName !== undefined && nodeName !== "" && { nodeName }),
    targetRef: {
      kind: "Pod",
      ...(namespace !== undefined && { namespace }),
      ...(name !== undefined && { name }),
      ...(uid !== undefined && { uid }),
    },
  };
}

function byAddress(a: EndpointAddress, b: EndpointAddress): number {
  const [x, y] = [`${a.ip} ${a.targetRef?.uid}`, `${b.ip} ${b.targetRef?.uid}`];
  return x < y ? -1 : x > y ? 1 : 0;
}

/**
 * Cuts the lists down to {@link MAX_ADDRESSES} in all: ready addresses are kept before unready ones, and each subset
 * gives in proportion (endpoints_controller.go, truncateEndpoints).
 */
function truncate(subsets: readonly Required<EndpointSubset>[]): boolean {
  const ready = sum(subsets, "addresses");
  const unready = sum(subsets, "notReadyAddresses");
  if (ready + unready <= MAX_ADDRESSES) return false;
  shrink(subsets, "addresses", ready, Math.min(ready, MAX_ADDRESSES));
  shrink(subsets, "notReadyAddresses", unready, MAX_ADDRESSES - Math.min(ready, MAX_ADDRESSES));
  return true;
}

type List = "addresses" | "notReadyAddresses";

function sum(subsets: readonly Required<EndpointSubset>[], list: List): number {
  return subsets.reduce((total, subset) => total + subset[list].length, 0);
}

/** Leaves `room` of `total` entries, each subset its share, rounded up; the last ones bear the rounding. */
function shrink(subsets: readonly Required<EndpointSubset>[], list: List, total: number, room: number): void {
  let left = room;
  for (const subset of subsets) {
    const share = Math.ceil((subset[list].length / Math.max(total, 1)) * room);
    subset[list].length = Math.min(subset[list].length, share, left);
    left -= subset[list].length;
  }
}

/** Without its empty lists, as the API writes it; undefined if nothing is left. */
function tidy({ addresses, notReadyAddresses, ports }: Required<EndpointSubset>): EndpointSubset | undefined {
  if (addresses.length + notReadyAddresses.length === 0) return undefined;
  return {
    ...(addresses.length > 0 && { addresses }),
    ...(notReadyAddresses.length > 0 && { notReadyAddresses }),
    ...(ports.length > 0 && { ports }),
  };
}
