/** Virtual addresses and node ports of Services: taken when one is written, given back when it lets go of them. */
import { invalidValue } from "../../api/field-error.ts";
import { canonicalAddress } from "../../base/sloppy-ip.ts";
import { validateClusterIps } from "../../api/service/cluster-ip-validation.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service, ServiceSpec } from "../../api/service/type.ts";
import { internalError, invalid } from "../../api/status-errors.ts";
import type { KindRules, Reservation } from "../registry/kind-rules.ts";
import { serviceNetwork } from "../../api/network/service-network.ts";
import { AddressesExhaustedError, NotInRangeError, RangeFullError, TakenError } from "./errors.ts";
import type { HoldingService } from "./number-space.ts";
import { placeOfAddress, type ServiceRanges } from "./ranges.ts";
import {
  fillFamilies,
  hasAddresses,
  isHeadless,
  keepClusterIPs,
  normalizeClusterIPs,
} from "./service-families.ts";
import {
  addressSource,
  type AddressSource,
  forgetOldAddresses,
  forgetOldFamilies,
  movesToOtherNetwork,
  refused,
} from "./service-network-use.ts";
import { heldNodePorts, keepNodePorts, takeNodePorts } from "./service-node-ports.ts";
import { AllocationTransaction } from "./transaction.ts";

type Allocation = Required<Pick<KindRules<Service>, "beginWrite" | "beginDelete">>;

/** `clock` in milliseconds since the epoch. */
export function createServiceAllocation(ranges: ServiceRanges, clock: () => number): Allocation {
  return {
    beginWrite(service: Service, old: Service | undefined, dryRun: boolean): Reservation {
      service.spec ??= {};
      const { spec } = service;
      normalizeClusterIPs(spec, old?.spec);
      const moves = movesToOtherNetwork(service, old);
      if (old?.spec !== undefined) {
        if (moves) forgetOldAddresses(spec, old.spec);
        else keepClusterIPs(spec, old.spec);
        keepNodePorts(spec, old.spec);
      }
      const name = service.metadata.name ?? "";
      const malformed = validateClusterIps(service);
      if (malformed.length > 0) throw invalid(serviceKind, name, malformed);
      const source = addressSource(ranges, service, moves || heldAddresses(old?.spec).length === 0);
      const before = moves ? forgetOldFamilies(spec, old!.spec!, source.offer) : old?.spec;
      const errors = fillFamilies(service, before, source.offer);
      if (errors.length > 0) throw invalid(serviceKind, name, errors);
      const transaction = new AllocationTransaction({ service: nameOf(service), dryRun, now: clock() });
      try {
        takeAddresses(ranges, service, old, { source, moves, transaction });
        takePorts(ranges, service, old, transaction);
      } catch (error) {
        transaction.revert();
        throw error;
      }
      return transaction;
    },

    beginDelete(service: Service): Reservation {
      const transaction = new AllocationTransaction({
        service: nameOf(service),
        dryRun: false,
        now: clock(),
      });
      releaseAddresses(ranges, service, [], transaction);
      for (const port of heldNodePorts(service.spec ?? {})) transaction.release(ranges.nodePorts, port);
      return transaction;
    },
  };
}

/** The addresses that an object holds, as canonical text, whatever it writes. "None" is no address. */
export function heldAddresses(spec: ServiceSpec | undefined): string[] {
  if (!hasAddresses(spec)) return [];
  return addressesOf(spec).map(canonicalAddress);
}

function addressesOf({ clusterIPs = [] }: ServiceSpec): string[] {
  return clusterIPs.filter((address) => address !== "None" && address !== "");
}

export function nameOf({ metadata }: Service): HoldingService {
  return { namespace: metadata.namespace ?? "", name: metadata.name ?? "" };
}

interface TakingParts {
  readonly source: AddressSource;
  /** Whether all of its addresses are to be new. */
  readonly moves: boolean;
  readonly transaction: AllocationTransaction;
}

function takeAddresses(
  ranges: ServiceRanges,
  service: Service,
  old: Service | undefined,
  { source, moves, transaction }: TakingParts,
): void {
  const { spec } = service;
  if (old !== undefined) releaseAddresses(ranges, old, heldAddresses(spec), transaction);
  if (!hasAddresses(spec) || isHeadless(spec)) return;
  const held = heldAddresses(old?.spec);
  const wasHeadless = old?.spec !== undefined && hasAddresses(old.spec) && isHeadless(old.spec);
  const addresses: string[] = [];
  let joined = false;
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
    const asked = spec.clusterIPs?.[i] ?? "";
    // The first address may not change: validation says so, and nothing is taken for it here.
    const settled =
      (i === 0 && !moves && (held.length > 0 || wasHeadless)) || held.includes(canonicalAddress(asked));
    const space = source.space(family);
    if (settled || space === undefined) addresses.push(asked);
    else {
      addresses.push(
        saying(service, asked, () => {
          if (asked === "") return space.text(transaction.takeAny(space));
          const place = placeOfAddress(ranges, asked);
          if (place === undefined || `IPv${place.space.family}` !== family)
            throw new NotInRangeError("the provided network does not match the current range");
          transaction.take(space, place.address);
          return asked;
        }),
      );
      joined = true;
    }
  }
  if (joined && source.pool !== undefined)
    transaction.also(ranges.networks.join(source.pool, nameOf(service)));
  if (addresses.length > 0) {
    spec.clusterIPs = addresses;
    // Where the two disagree, validation must see it.
    if ((spec.clusterIP ?? "") === "") spec.clusterIP = addresses[0]!;
  }
}

/** Runs one take, and says what went wrong as the API says it. */
function saying(service: Service, asked: string, take: () => string): string {
  try {
    return take();
  } catch (error) {
    const network = serviceNetwork(service);
    if (error instanceof AddressesExhaustedError && network !== undefined)
      throw refused(service, network, error.message);
    if (error instanceof RangeFullError)
      throw internalError(`failed to allocate a serviceIP: ${error.message}`, { cause: error });
    if (!(error instanceof TakenError || error instanceof NotInRangeError)) throw error;
    throw invalid(serviceKind, service.metadata.name ?? "", [
      invalidValue(
        "spec.clusterIPs",
        service.spec!.clusterIPs,
        `failed to allocate IP ${asked}: ${error.message}`,
      ),
    ]);
  }
}

function takePorts(
  ranges: ServiceRanges,
  service: Service,
  old: Service | undefined,
  transaction: AllocationTransaction,
): void {
  let errors;
  try {
    errors = takeNodePorts(service.spec!, heldNodePorts(old?.spec ?? {}), ranges.nodePorts, transaction);
  } catch (error) {
    if (!(error instanceof RangeFullError)) throw error;
    throw internalError(`failed to allocate a nodePort: ${error.message}`, { cause: error });
  }
  if (errors.length > 0) throw invalid(serviceKind, service.metadata.name ?? "", errors);
  const kept = heldNodePorts(service.spec!);
  for (const port of heldNodePorts(old?.spec ?? {}))
    if (!kept.has(port)) transaction.release(ranges.nodePorts, port);
}

/** Gives back the addresses that are not in `kept`. */
function releaseAddresses(
  ranges: ServiceRanges,
  { spec }: Service,
  kept: readonly string[],
  transaction: AllocationTransaction,
): void {
  for (const text of heldAddresses(spec)) {
    const place = kept.includes(text) ? undefined : placeOfAddress(ranges, text);
    if (place !== undefined) transaction.release(place.space, place.address);
  }
}
