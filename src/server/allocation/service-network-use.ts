/**
 * Where a Service's addresses come from: the Network that its annotation names, else the ServiceCIDRs. A Service that
 * names another Network than before moves: it gets new addresses there and gives the old ones back.
 */
import { type FieldError, invalidValue } from "../../api/field-error.ts";
import { serviceNetwork } from "../../api/network/service-network.ts";
import { NETWORK_ANNOTATION } from "../../api/network/type.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { IpFamilyName, Service, ServiceSpec } from "../../api/service/type.ts";
import { invalid } from "../../api/status-errors.ts";
import type { NetworkPool } from "./network-pools.ts";
import type { NumberSpace } from "./number-space.ts";
import type { ServiceRanges } from "./ranges.ts";
import { type FamilyOffer, hasAddresses, isHeadless } from "./service-families.ts";

const FIELD = `metadata.annotations[${NETWORK_ANNOTATION}]`;

export interface AddressSource {
  /** Undefined: the ServiceCIDRs. */
  readonly pool: NetworkPool | undefined;
  readonly offer: FamilyOffer;
  /** Undefined for a family that it has not. */
  space(family: IpFamilyName): (NumberSpace<bigint> & { text(address: bigint): string }) | undefined;
}

/** Whether an update means new addresses: the Service has some, keeps having some, and names another Network. */
export function movesToOtherNetwork(service: Service, old: Service | undefined): boolean {
  if (old === undefined || serviceNetwork(service) === serviceNetwork(old)) return false;
  const { spec } = service;
  return hasAddresses(spec) && hasAddresses(old.spec) && !isHeadless(spec) && !isHeadless(old.spec);
}

/**
 * Of the addresses of a Service that moves, those that are only what it had: nobody asks for them. A client that changes
 * the annotation sends them along with everything else it read.
 */
export function forgetOldAddresses(spec: ServiceSpec, old: ServiceSpec): void {
  if ((spec.clusterIP ?? "") !== (old.clusterIP ?? "")) return;
  delete spec.clusterIP;
  delete spec.clusterIPs;
}

/**
 * Of the families of a Service that moves, those that are only what it had and that the new Network has not. Returns what it
 * had, as far as that still says something of it.
 */
export function forgetOldFamilies(
  spec: ServiceSpec,
  old: ServiceSpec,
  { families }: FamilyOffer,
): ServiceSpec {
  const before = old.ipFamilies ?? [];
  const { clusterIPs: _, ...rest } = old;
  const asked = spec.ipFamilies ?? [];
  const isAsked = asked.length > 0 && asked.join() !== before.join();
  // Who requires both is told which of them is missing.
  if (isAsked || spec.ipFamilyPolicy === "RequireDualStack" || before.every((one) => families.includes(one)))
    return { ...rest, ipFamilies: before };
  const kept = before.filter((one) => families.includes(one));
  spec.ipFamilies = kept.length > 0 ? kept : [families[0]!];
  return { ...rest, ipFamilies: spec.ipFamilies };
}

/** Throws ApiError if new addresses are needed and the Network is not there. */
export function addressSource(ranges: ServiceRanges, service: Service, needsSome: boolean): AddressSource {
  const name = serviceNetwork(service);
  const { namespace = "" } = service.metadata;
  const { spec } = service;
  if (name === undefined || !hasAddresses(spec) || isHeadless(spec)) return serviceCIDRs(ranges);
  const pool = ranges.networks.get(namespace, name);
  if (pool === undefined) {
    if (needsSome) throw refused(service, name, `Network ${name} not found in namespace ${namespace}`);
    // What it has it keeps; a store that was edited by hand is no reason to refuse every other change.
    return serviceCIDRs(ranges);
  }
  if (needsSome && pool.network.metadata.deletionTimestamp !== undefined)
    throw refused(service, name, `network ${name} is being deleted`);
  const missing = (family: string): string => `network ${name} has no ${family} subnet`;
  const families = [...pool.families.keys()].sort(
    (a, b) => Number(a !== ranges.ipFamilies[0]) - Number(b !== ranges.ipFamilies[0]),
  );
  return {
    pool,
    offer: {
      families,
      missing,
      missingOfAddress: missing,
      singleStack: missing(families[0] === "IPv4" ? "IPv6" : "IPv4"),
    },
    space: (family) => pool.families.get(family),
  };
}

/** 422 about the annotation. */
export function refused(service: Service, network: string, why: string): Error {
  const error: FieldError = invalidValue(FIELD, network, why);
  return invalid(serviceKind, service.metadata.name ?? "", [error]);
}

function serviceCIDRs({ ipFamilies, addresses }: ServiceRanges): AddressSource {
  return {
    pool: undefined,
    offer: {
      families: ipFamilies,
      missing: () => "not configured on this cluster",
      missingOfAddress: (family) => `${family} is not configured on this cluster`,
      singleStack: "this cluster is not configured for dual-stack services",
    },
    space: (family) => (ipFamilies.includes(family) ? addresses.get(family) : undefined),
  };
}
