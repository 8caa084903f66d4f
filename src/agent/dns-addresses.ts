/**
 * The addresses at which containers on Networks find the DNS: the second one of each subnet (src/api/network/addresses.ts),
 * as externalIPs of the Service kube-dns. Which of those are ours, an annotation says; all others are somebody's own. Pure.
 */
import { networkAddresses } from "../api/network/addresses.ts";
import type { Network } from "../api/network/type.ts";
import type { Service } from "../api/service/type.ts";
import { formatIp, type Ip } from "../base/ip.ts";
import { canonicalAddress } from "../base/sloppy-ip.ts";

/** Of the Service: those of its externalIPs that come and go with Networks, with commas between them. */
export const DNS_ADDRESSES_ANNOTATION = "fairlead.dev/dns-addresses";

/** In their order, each once. A Network that is going has none any more. */
export function dnsAddresses(networks: Iterable<Network>): Ip[] {
  const found = new Map<string, Ip>();
  for (const { metadata, spec } of networks) {
    if (metadata.deletionTimestamp !== undefined) continue;
    for (const { dns } of networkAddresses(spec ?? {})) if (dns !== undefined) found.set(formatIp(dns), dns);
  }
  return [...found.values()].sort((a, b) => a.family - b.family || (a.value < b.value ? -1 : 1));
}

/** The Service with these addresses instead of those it has from us: itself if it is right. */
export function withDnsAddresses(service: Service, addresses: readonly Ip[]): Service {
  const { metadata, spec } = service;
  const before = spec?.externalIPs ?? [];
  const known = metadata.annotations?.[DNS_ADDRESSES_ANNOTATION] ?? "";
  const ours = new Set(known.split(","));
  const theirs = before.filter((text) => !ours.has(text));
  // Nothing listens for a family that the Service has not.
  const families = spec?.ipFamilies ?? ["IPv4"];
  const wanted = addresses
    .filter(({ family }) => families.includes(`IPv${family}`))
    .map(formatIp)
    .filter((text) => !theirs.some((other) => text === canonicalAddress(other)));
  const externalIPs = [...theirs, ...wanted];
  if (externalIPs.join() === before.join() && wanted.join() === known) return service;
  const { [DNS_ADDRESSES_ANNOTATION]: _, ...annotations } = metadata.annotations ?? {};
  if (wanted.length > 0) annotations[DNS_ADDRESSES_ANNOTATION] = wanted.join(",");
  return { ...service, metadata: { ...metadata, annotations }, spec: { ...spec, externalIPs } };
}
