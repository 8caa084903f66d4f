/**
 * The names of Services: which records each object makes, by the Kubernetes DNS specification 1.1.0. Pure.
 *
 * An object's records depend on it alone (an EndpointSlice's also on its Service), so a change of one object costs what
 * it has itself.
 */
import type { EndpointSlice } from "../api/endpointslice/type.ts";
import { podAddresses } from "../api/pod/addresses.ts";
import { hasEnded } from "../api/pod/ended.ts";
import type { Pod } from "../api/pod/type.ts";
import type { Service } from "../api/service/type.ts";
import { formatIp, parseIp } from "../base/ip.ts";
import { Type } from "../net/dns/constants.ts";
import { childName, type NameKey, nameKey } from "../net/dns/name.ts";
import { addressData, type ResourceRecord, srvData } from "../net/dns/record.ts";
import { reverseName } from "./reverse-name.ts";

export interface NamesOptions {
  /** The cluster domain's key. */
  readonly zone: NameKey;
  /** Seconds. */
  readonly ttl: number;
}

/** Of equals, all with the same chance (RFC 2782); CoreDNS' numbers for a single target. */
const SRV_PRIORITY = 0;
const SRV_WEIGHT = 100;

/** `<service>.<namespace>.svc.<zone>`; undefined if that would be longer than a name can be. */
export function serviceName(zone: NameKey, namespace: string, service: string): NameKey | undefined {
  return below(zone, "svc", namespace, service);
}

/** Whether its addresses are its endpoints'. */
export function isHeadless({ spec }: Service): boolean {
  return spec?.clusterIP === "None" && spec.type !== "ExternalName";
}

/** What a Service makes by itself: all but the endpoints of a headless one. */
export function serviceRecords(service: Service, { zone, ttl }: NamesOptions): ResourceRecord[] {
  const { metadata, spec } = service;
  const owner = serviceName(zone, metadata.namespace ?? "", metadata.name ?? "");
  if (owner === undefined || spec === undefined) return [];
  if (spec.type === "ExternalName") return externalName(owner, spec.externalName ?? "", ttl);
  if (isHeadless(service)) return [];
  const records: ResourceRecord[] = [];
  const addresses = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  for (const text of addresses) {
    const data = addressData(text);
    if (data === undefined) continue;
    records.push({ owner, ttl, ...data });
    records.push({ owner: reverseName(parseIp(text)!), type: Type.PTR, ttl, rdata: [owner] });
  }
  if (records.length === 0) return [];
  for (const { name, protocol = "TCP", port } of spec.ports ?? []) {
    const srv = portName(owner, name, protocol);
    if (srv === undefined) continue;
    const rdata = srvData(SRV_PRIORITY, SRV_WEIGHT, port, owner);
    records.push({ owner: srv, type: Type.SRV, ttl, rdata });
  }
  return records;
}

/** One that looks like an address is not resolved: nobody has such a name (Kubernetes' documentation of ExternalName). */
function externalName(owner: NameKey, text: string, ttl: number): ResourceRecord[] {
  const target = parseIp(text) === undefined ? nameKey(text) : undefined;
  return target === undefined ? [] : [{ owner, type: Type.CNAME, ttl, rdata: [target] }];
}

/** What the ready endpoints of a slice make if its Service is headless. */
export function sliceRecords(
  slice: EndpointSlice,
  service: Service,
  options: NamesOptions,
): ResourceRecord[] {
  const { zone, ttl } = options;
  const owner = serviceName(zone, service.metadata.namespace ?? "", service.metadata.name ?? "");
  if (owner === undefined || !isHeadless(service) || slice.addressType === "FQDN") return [];
  const all = service.spec?.publishNotReadyAddresses === true;
  const records: ResourceRecord[] = [];
  for (const endpoint of slice.endpoints) {
    // Absent means ready (EndpointConditions).
    if (endpoint.conditions?.ready === false && !all) continue;
    // Addresses of one endpoint stand for the same thing; consumers take the first.
    const ip = parseIp(endpoint.addresses[0] ?? "");
    if (ip === undefined) continue;
    const data = addressData(formatIp(ip))!;
    const host = childName(endpoint.hostname ?? dashed(formatIp(ip)), owner);
    records.push({ owner, ttl, ...data });
    if (host === undefined) continue;
    records.push({ owner: host, ttl, ...data });
    records.push({ owner: reverseName(ip), type: Type.PTR, ttl, rdata: [host] });
    for (const { name, protocol = "TCP", port } of slice.ports ?? []) {
      const srv = portName(owner, name, protocol);
      if (srv === undefined || port === undefined || port === null) continue;
      const rdata = srvData(SRV_PRIORITY, SRV_WEIGHT, port, host);
      records.push({ owner: srv, type: Type.SRV, ttl, rdata });
    }
  }
  return records;
}

/**
 * `<dashed address>.<namespace>.pod.<zone>` for each address of a pod that has not ended: CoreDNS' "pods verified", so
 * that a name exists only while such a pod does.
 */
export function podRecords(pod: Pod, { zone, ttl }: NamesOptions): ResourceRecord[] {
  if (hasEnded(pod)) return [];
  return podAddresses(pod).flatMap((text): ResourceRecord[] => {
    const ip = parseIp(text);
    const owner = ip && below(zone, "pod", pod.metadata.namespace ?? "", dashed(formatIp(ip)));
    return owner === undefined ? [] : [{ owner, ttl, ...addressData(text)! }];
  });
}

/** The names that a namespace makes exist, empty or not. */
export function namespaceNames(namespace: string, zone: NameKey): NameKey[] {
  return ["svc", "pod"].flatMap((kind) => below(zone, kind, namespace) ?? []);
}

/** "10-244-0-7", "2001-db8--7". */
function dashed(address: string): string {
  return address.replace(/[.:]/g, "-");
}

/** `_http._tcp.<service>`; undefined for a port without a name, and for one of 63 letters, to which no "_" fits. */
function portName(owner: NameKey, name: string | undefined, protocol: string): NameKey | undefined {
  if (name === undefined || name === "") return undefined;
  const above = childName(`_${protocol}`, owner);
  return above && childName(`_${name}`, above);
}

/** Labels put in front of the zone, one after the other. */
function below(zone: NameKey, ...labels: readonly string[]): NameKey | undefined {
  let key: NameKey | undefined = zone;
  for (const label of labels) key = key && childName(label, key);
  return key;
}
