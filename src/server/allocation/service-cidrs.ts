/**
 * The life of ServiceCIDRs (pkg/controller/servicecidrs): each has a finalizer and says whether it is ready; one that is
 * asked to go gives out nothing more, and stays while it is the only one that has an address in use.
 */
import { isDeepStrictEqual } from "node:util";
import { type Cidr, cidrContains, formatCidr, parseIp } from "../../base/ip.ts";
import { ApiError } from "../../api/api-error.ts";
import { invalidValue } from "../../api/field-error.ts";
import { ipAddressKind } from "../../api/ipaddress/kind.ts";
import { IP_ALLOCATOR, IP_MANAGED_BY_LABEL } from "../../api/ipaddress/type.ts";
import type { Condition } from "../../api/meta/type.ts";
import { serviceCIDRKind } from "../../api/servicecidr/kind.ts";
import { READY_CONDITION, SERVICE_CIDR_FINALIZER, type ServiceCIDR } from "../../api/servicecidr/type.ts";
import { invalid } from "../../api/status-errors.ts";
import type { Store } from "../../store/store.ts";
import type { KindRules } from "../registry/kind-rules.ts";
import { NOTHING_RESERVED } from "../registry/kind-rules.ts";
import { keyPrefix, storeKey } from "../registry/keys.ts";
import { formatTime } from "../registry/metadata.ts";
import { decodeEntry } from "../registry/stored-object.ts";
import type { Writer } from "../registry/writer.ts";
import type { ServiceRanges } from "./ranges.ts";
import { rangesOf, serviceCIDROwner, type SubnetConflict } from "./subnets.ts";
import { SYSTEM } from "./system.ts";

/** The ServiceCIDR that the server's own options make. */
export const DEFAULT_SERVICE_CIDR = "kubernetes";
const STILL_USED =
  "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR";

export interface ServiceCIDRParts {
  readonly store: Store;
  readonly writer: Writer;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /**
   * Milliseconds that a range stays after it was asked to go and nothing of it is in use: until then another server may
   * not have heard of it, and be giving an address out.
   */
  readonly deletionDelay: number;
}

/** A new range is ready with the commit that makes it, so that no client sees it otherwise. It overlaps no Network. */
export function serviceCIDRRules({ subnets }: ServiceRanges, clock: () => number): KindRules<ServiceCIDR> {
  return {
    turn: async () => subnets.turn(),
    beginWrite(range: ServiceCIDR, old: ServiceCIDR | undefined, dryRun: boolean) {
      if (old === undefined) {
        withFinalizer(range);
        range.status = { conditions: [readyCondition(formatTime(clock()))] };
      }
      if (old !== undefined && isDeepStrictEqual(range.spec?.cidrs, old.spec?.cidrs)) return NOTHING_RESERVED;
      const owner = serviceCIDROwner(range);
      const met = subnets.conflict(owner, rangesOf(range));
      if (met !== undefined) throw overlap(range, met);
      return dryRun ? NOTHING_RESERVED : subnets.assign(owner, rangesOf(range));
    },
    beginDelete: (range: ServiceCIDR) => subnets.assign(serviceCIDROwner(range), []),
  };
}

function overlap(range: ServiceCIDR, { asked, taken, by }: SubnetConflict): ApiError {
  const text = formatCidr(asked);
  const field = `spec.cidrs[${(range.spec?.cidrs ?? []).indexOf(text)}]`;
  const detail = `${serviceCIDROwner(range)} conflicts with subnet ${formatCidr(taken)} of ${by}`;
  return invalid(serviceCIDRKind, range.metadata.name ?? "", [invalidValue(field, text, detail)]);
}

/** Makes the range of the server's options, or brings it up to date. Returns whether there was none. */
export async function ensureDefaultServiceCIDR(
  { store, writer }: ServiceCIDRParts,
  serviceCidrs: readonly Cidr[],
  warn: (text: string) => void,
): Promise<boolean> {
  const cidrs = serviceCidrs.map(formatCidr);
  const entry = await store.get(storeKey(serviceCIDRKind, { name: DEFAULT_SERVICE_CIDR }));
  if (entry === undefined) {
    const range: ServiceCIDR = { metadata: { name: DEFAULT_SERVICE_CIDR }, spec: { cidrs } };
    try {
      await writer.create(serviceCIDRKind, undefined, range, {}, SYSTEM);
    } catch (error) {
      // Another server on this store was first.
      if (!(error instanceof ApiError && error.reason === "AlreadyExists")) throw error;
    }
    return true;
  }
  const existing = decodeEntry(serviceCIDRKind, entry);
  const before = existing.spec?.cidrs ?? [];
  // An administrator may have added the second family.
  if (isDeepStrictEqual(before.slice(0, cidrs.length), cidrs)) return false;
  // Upstream leaves another range as it is and gives nothing out of the new one; here the options are what counts.
  if (!(before.length === 1 && cidrs.length === 2 && before[0] === cidrs[0]))
    warn(`the ServiceCIDR ${DEFAULT_SERVICE_CIDR} was ${before.join(",")} and is now ${cidrs.join(",")}`);
  await writer.update(
    serviceCIDRKind,
    { name: DEFAULT_SERVICE_CIDR },
    (current) => ({ ...current, metadata: unversioned(current), spec: { ...current.spec, cidrs } }),
    { trusted: true },
    SYSTEM,
  );
  return false;
}

/**
 * Does what a ServiceCIDR needs at present. Returns the milliseconds after which it must be looked at again; undefined:
 * not before something changes.
 */
export async function syncServiceCIDR(parts: ServiceCIDRParts, name: string): Promise<number | undefined> {
  const { store, clock } = parts;
  const entry = await store.get(storeKey(serviceCIDRKind, { name }));
  if (entry === undefined) return undefined;
  const range = decodeEntry(serviceCIDRKind, entry);
  const { deletionTimestamp, finalizers = [] } = range.metadata;
  if (deletionTimestamp === undefined) {
    if (!finalizers.includes(SERVICE_CIDR_FINALIZER)) await change(parts, name, withFinalizer);
    if (conditionOf(range) === undefined)
      await setCondition(parts, name, readyCondition(formatTime(clock())));
    return undefined;
  }
  if (!finalizers.includes(SERVICE_CIDR_FINALIZER)) return undefined;
  if (await isNeeded(store, range)) {
    await setCondition(parts, name, {
      type: READY_CONDITION,
      status: "False",
      lastTransitionTime: formatTime(clock()),
      reason: "Terminating",
      message: STILL_USED,
    });
    return undefined;
  }
  const wait = Date.parse(deletionTimestamp) + parts.deletionDelay - clock();
  if (wait > 0) return wait;
  await change(parts, name, (current) => {
    const rest = (current.metadata.finalizers ?? []).filter((one) => one !== SERVICE_CIDR_FINALIZER);
    if (rest.length > 0) current.metadata.finalizers = rest;
    else delete current.metadata.finalizers;
  });
  return undefined;
}

/** Whether an address of a Service would be in no range any more without this one. */
async function isNeeded(store: Store, range: ServiceCIDR): Promise<boolean> {
  const { entries } = await store.list(keyPrefix(serviceCIDRKind));
  const others = entries
    .map((entry) => decodeEntry(serviceCIDRKind, entry))
    // Unlike upstream's, one that is going itself keeps nothing.
    .filter(
      ({ metadata }) => metadata.name !== range.metadata.name && metadata.deletionTimestamp === undefined,
    )
    .flatMap(rangesOf);
  const alone = rangesOf(range).filter(
    (own) => !others.some((other) => other.length <= own.length && cidrContains(other, own.base)),
  );
  if (alone.length === 0) return false;
  const addresses = await store.list(keyPrefix(ipAddressKind));
  return addresses.entries.some((entry) => {
    const { metadata } = decodeEntry(ipAddressKind, entry);
    const address = parseIp(metadata.name!);
    return (
      metadata.labels?.[IP_MANAGED_BY_LABEL] === IP_ALLOCATOR &&
      address !== undefined &&
      alone.some((own) => cidrContains(own, address)) &&
      !others.some((other) => cidrContains(other, address))
    );
  });
}

function withFinalizer({ metadata }: ServiceCIDR): void {
  if (metadata.finalizers?.includes(SERVICE_CIDR_FINALIZER) !== true)
    metadata.finalizers = [...(metadata.finalizers ?? []), SERVICE_CIDR_FINALIZER];
}

function readyCondition(time: string): Condition {
  return {
    type: READY_CONDITION,
    status: "True",
    lastTransitionTime: time,
    reason: "",
    message: "Kubernetes Service CIDR is ready",
  };
}

function conditionOf({ status }: ServiceCIDR): Condition | undefined {
  return (status?.conditions ?? []).find(({ type }) => type === READY_CONDITION);
}

function unversioned({ metadata }: ServiceCIDR): ServiceCIDR["metadata"] {
  const { resourceVersion: _version, ...rest } = metadata;
  return rest;
}

async function setCondition(parts: ServiceCIDRParts, name: string, wanted: Condition): Promise<void> {
  const set = (current: ServiceCIDR): void => {
    const before = conditionOf(current);
    const time = before?.status === wanted.status ? before.lastTransitionTime : undefined;
    const others = (current.status?.conditions ?? []).filter(({ type }) => type !== READY_CONDITION);
    current.status = {
      conditions: [...others, { ...wanted, ...(time !== undefined && { lastTransitionTime: time }) }],
    };
  };
  await change(parts, name, set, "status");
}

/** Changes the stored object; it may be gone by then. */
async function change(
  { writer }: ServiceCIDRParts,
  name: string,
  mutate: (current: ServiceCIDR) => void,
  subresource?: "status",
): Promise<void> {
  const next = (current: ServiceCIDR): ServiceCIDR => {
    const copy = structuredClone(current);
    delete copy.metadata.resourceVersion;
    mutate(copy);
    return copy;
  };
  const options = { trusted: true, ...(subresource !== undefined && { subresource }) };
  try {
    await writer.update(serviceCIDRKind, { name }, next, options, SYSTEM);
  } catch (error) {
    if (!(error instanceof ApiError && error.reason === "NotFound")) throw error;
  }
}
