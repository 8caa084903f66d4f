/**
 * What one Service means to a data plane: its virtual ports, each with the backends that new connections may go to.
 *
 * The rules are kube-proxy's (pkg/proxy/topology.go, CategorizeEndpoints, traffic policy Cluster): all ready
 * endpoints; if there is none, those that are terminating but still serving; if there is none of these either,
 * connections are refused.
 */
import type { EndpointSlice } from "../api/endpointslice/type.ts";
import type { Service, ServicePort } from "../api/service/type.ts";
import { formatIp, type Ip } from "../base/ip.ts";
import { parseSloppyIp } from "../base/sloppy-ip.ts";
import type { Backend, VirtualPort } from "./table.ts";

/** Services with one of these labels are somebody else's to program (KEP-2447; well-known labels). */
export const NOT_OURS_LABELS = [
  "service.kubernetes.io/headless",
  "service.kubernetes.io/service-proxy-name",
] as const;

/** The same as a label selector, for lists and watches of Services and EndpointSlices. */
export const OURS_SELECTOR: string = NOT_OURS_LABELS.map((label) => `!${label}`).join(",");

interface Candidate {
  readonly ip: Ip;
  readonly port: number;
  ready: boolean;
  /** Terminating, but still answering. */
  lingering: boolean;
}

/** The canonical addresses on which the Service is reached inside the cluster; none if it has none or is not ours. */
export function virtualAddresses(service: Service): readonly Ip[] {
  const { spec, metadata } = service;
  if (spec === undefined || spec.type === "ExternalName") return [];
  if (NOT_OURS_LABELS.some((label) => metadata.labels?.[label] !== undefined)) return [];
  const texts = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  // "None" (headless) and "" (not yet allocated) are no addresses.
  return texts.map(parseSloppyIp).filter((address) => address !== undefined);
}

/**
 * The virtual ports of `service`, given all EndpointSlices that carry its name. Ports are matched by name and
 * protocol, endpoints by family; one that is in several slices counts once. The order of `slices` does not matter:
 * backends are in order of address, then port.
 */
export function virtualPorts(service: Service, slices: Iterable<EndpointSlice>): VirtualPort[] {
  const addresses = virtualAddresses(service);
  if (addresses.length === 0) return [];
  const all = Array.from(slices);
  const name = `${service.metadata.namespace}/${service.metadata.name}`;
  return addresses.flatMap((address) =>
    (service.spec?.ports ?? []).map((port) => ({
      service: name,
      portName: port.name ?? "",
      address: formatIp(address),
      protocol: port.protocol ?? "TCP",
      port: port.port,
      backends: backends(port, address.family, all),
    })),
  );
}

function backends(port: ServicePort, family: Ip["family"], slices: readonly EndpointSlice[]): Backend[] {
  const candidates = collect(port, family, slices);
  const ready = candidates.filter((candidate) => candidate.ready);
  const chosen = ready.length > 0 ? ready : candidates.filter((candidate) => candidate.lingering);
  return chosen.sort(byAddress).map(({ ip, port }) => ({ address: formatIp(ip), port }));
}

function collect(port: ServicePort, family: Ip["family"], slices: readonly EndpointSlice[]): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const slice of slices) {
    if (slice.addressType !== `IPv${family}`) continue;
    for (const target of slice.ports ?? []) {
      if ((target.name ?? "") !== (port.name ?? "")) continue;
      if ((target.protocol ?? "TCP") !== (port.protocol ?? "TCP")) continue;
      // No number means "all ports", which a virtual port cannot be spread over.
      if (target.port === undefined) continue;
      // A Go server writes an empty list as null.
      for (const { addresses, conditions } of slice.endpoints ?? []) {
        const ip = addresses[0] === undefined ? undefined : parseSloppyIp(addresses[0]);
        if (ip?.family !== family) continue;
        const ready = conditions?.ready ?? true;
        const lingering = (conditions?.serving ?? true) && (conditions?.terminating ?? false);
        const key = `${ip.value}|${target.port}`;
        const known = found.get(key);
        // While an endpoint moves from slice to slice it is in both, maybe in two states: the better one counts.
        if (known === undefined) found.set(key, { ip, port: target.port, ready, lingering });
        else {
          known.ready ||= ready;
          known.lingering ||= lingering;
        }
      }
    }
  }
  return Array.from(found.values());
}

function byAddress(a: Candidate, b: Candidate): number {
  if (a.ip.value !== b.ip.value) return a.ip.value < b.ip.value ? -1 : 1;
  return a.port - b.port;
}
