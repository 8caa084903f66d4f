/** Virtual addresses and node ports of Services: taken when one is written, given back when it lets go of them. */
import { invalidValue } from "../../api/field-error.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service, ServiceSpec } from "../../api/service/type.ts";
import { internalError, invalid } from "../../api/status-errors.ts";
import type { KindRules, Reservation } from "../registry/kind-rules.ts";
import { NotInRangeError, RangeFullError, TakenError } from "./errors.ts";
import type { ServiceRanges } from "./ranges.ts";
import {
  fillFamilies,
  hasAddresses,
  isHeadless,
  keepClusterIPs,
  normalizeClusterIPs,
} from "./service-families.ts";
import { heldNodePorts, keepNodePorts, takeNodePorts } from "./service-node-ports.ts";
import { AllocationTransaction } from "./transaction.ts";

type Allocation = Required<Pick<KindRules<Service>, "beginWrite" | "beginDelete">>;

/**
 * Takes what a stored Service holds, at a start. Returns what could not be taken because two Services hold it or it is
 * outside the range now; the Service keeps working, and nobody else gets the address.
 */
export function adoptService(ranges: ServiceRanges, service: Service): string[] {
  const transaction = new AllocationTransaction(service.metadata.uid!, false);
  const problems: string[] = [];
  const attempt = (what: string, take: () => void): void => {
    try {
      take();
    } catch (error) {
      problems.push(`${what}: ${(error as Error).message}`);
    }
  };
  for (const [family, address] of heldAddresses(ranges, service.spec))
    attempt(address, () => transaction.take(ranges.addresses.get(family)!, address));
  for (const port of heldNodePorts(service.spec ?? {}))
    attempt(`node port ${port}`, () => transaction.take(ranges.nodePorts, port));
  transaction.commit();
  return problems;
}

export function createServiceAllocation(ranges: ServiceRanges): Allocation {
  return {
    beginWrite(service: Service, old: Service | undefined, dryRun: boolean): Reservation {
      service.spec ??= {};
      const { spec } = service;
      normalizeClusterIPs(spec, old?.spec);
      if (old?.spec !== undefined) {
        keepClusterIPs(spec, old.spec);
        keepNodePorts(spec, old.spec);
      }
      const errors = fillFamilies(service, old?.spec, ranges.ipFamilies);
      if (errors.length > 0) throw invalid(serviceKind, service.metadata.name ?? "", errors);
      const transaction = new AllocationTransaction(service.metadata.uid!, dryRun);
      try {
        takeAddresses(ranges, service, old, transaction);
        takePorts(ranges, service, old, transaction);
      } catch (error) {
        transaction.revert();
        throw error;
      }
      return transaction;
    },

    beginDelete(service: Service): Reservation {
      const transaction = new AllocationTransaction(service.metadata.uid!, false);
      release(ranges, service, {}, transaction);
      return transaction;
    },
  };
}

function takeAddresses(
  ranges: ServiceRanges,
  service: Service,
  old: Service | undefined,
  transaction: AllocationTransaction,
): void {
  const { spec } = service;
  if (old !== undefined) release(ranges, old, spec ?? {}, transaction);
  if (!hasAddresses(spec) || isHeadless(spec)) return;
  const held = old === undefined ? [] : [...heldAddresses(ranges, old.spec).values()];
  const wasHeadless = old?.spec !== undefined && hasAddresses(old.spec) && isHeadless(old.spec);
  const addresses: string[] = [];
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
    const asked = spec.clusterIPs?.[i] ?? "";
    // The first address may not change: validation says so, and nothing is taken for it here.
    const settled = (i === 0 && (held.length > 0 || wasHeadless)) || held.includes(asked);
    const range = ranges.addresses.get(family);
    if (settled || range === undefined) addresses.push(asked);
    else
      addresses.push(
        take(service, asked, () => transaction[asked === "" ? "takeAny" : "take"](range, asked)),
      );
  }
  if (addresses.length > 0) {
    spec.clusterIPs = addresses;
    // Where the two disagree, validation must see it.
    if ((spec.clusterIP ?? "") === "") spec.clusterIP = addresses[0]!;
  }
}

/** Runs one take, and says what went wrong as the API says it. */
function take(service: Service, asked: string, run: () => string): string {
  try {
    return run();
  } catch (error) {
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
    if (!kept.has(port)) transaction.release(ranges.nodePorts, port, old!.metadata.uid!);
}

/** Gives back the addresses (and, of an object that goes, the ports) that `next` does not keep. */
function release(
  ranges: ServiceRanges,
  old: Service,
  next: ServiceSpec,
  transaction: AllocationTransaction,
): void {
  const owner = old.metadata.uid!;
  const kept = hasAddresses(next) ? (next.clusterIPs ?? []) : [];
  for (const [family, address] of heldAddresses(ranges, old.spec))
    if (!kept.includes(address)) transaction.release(ranges.addresses.get(family)!, address, owner);
  if (Object.keys(next).length === 0)
    for (const port of heldNodePorts(old.spec ?? {})) transaction.release(ranges.nodePorts, port, owner);
}

/** The addresses an object holds, by family. */
function heldAddresses(ranges: ServiceRanges, spec: ServiceSpec | undefined): Map<"IPv4" | "IPv6", string> {
  const held = new Map<"IPv4" | "IPv6", string>();
  if (!hasAddresses(spec)) return held;
  for (const address of spec.clusterIPs ?? []) {
    const family = address.includes(":") ? "IPv6" : "IPv4";
    if (address !== "None" && address !== "" && ranges.addresses.has(family)) held.set(family, address);
  }
  return held;
}
