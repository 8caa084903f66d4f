/**
 * How endpoints are put in slices: pure. As few writes as possible, and as few slices as that allows.
 *
 * The order of choice is that of Kubernetes (endpointslice reconciler.go): what is in a slice stays there; slices
 * that must be written anyway take new endpoints first, the fullest before the others; what is then left goes
 * together into one unchanged slice that it fits best, or into new ones; a slice that would be deleted becomes the
 * new one instead. Without any endpoint one empty slice stands for the family.
 */
import { isDeepStrictEqual } from "node:util";
import type { Endpoint, EndpointSlice } from "../../api/endpointslice/type.ts";
import { type AddressType, type DesiredEndpoints, type EndpointGroup, groupKey } from "./desired.ts";
import {
  changedSlice,
  endpointIdentity,
  isOwnedBy,
  newSlice,
  saysAlready,
  type SliceContent,
  type SliceOwner,
} from "./slice.ts";

export const MAX_ENDPOINTS_PER_SLICE = 100;

export interface SliceWrites {
  readonly create: readonly EndpointSlice[];
  /** With the name and version of the slice that each replaces. */
  readonly update: readonly EndpointSlice[];
  readonly delete: readonly EndpointSlice[];
}

export interface PackingOptions {
  /** @default 100 (kube-controller-manager --max-endpoints-per-slice) */
  readonly maxEndpoints?: number;
  /** Whether a family without endpoints has one empty slice. @default true */
  readonly placeholders?: boolean;
  /** When what changed changed, RFC 3339; for the annotation of the slices that are written. */
  readonly triggerTime?: string;
}

/** A slice while it is being filled: `slice` is what is there, if anything. */
interface Draft {
  readonly slice: EndpointSlice | undefined;
  readonly group: Pick<SliceContent, "addressType" | "ports">;
  readonly endpoints: Endpoint[];
}

/** What to write so that `existing` (all of the slices that were made for `owner` or its name) say what is desired. */
export function packSlices(
  owner: SliceOwner,
  desired: Pick<DesiredEndpoints, "addressTypes" | "groups">,
  existing: Iterable<EndpointSlice>,
  options: PackingOptions = {},
): SliceWrites {
  const { maxEndpoints = MAX_ENDPOINTS_PER_SLICE, placeholders = true, triggerTime } = options;
  const create: EndpointSlice[] = [];
  const update: EndpointSlice[] = [];
  const remove: EndpointSlice[] = [];
  // One that is being deleted is as good as gone, and takes no more writes.
  const ours = Array.from(existing)
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .sort((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1));

  for (const addressType of ["IPv4", "IPv6", "FQDN"] as const) {
    const present = ours.filter((slice) => slice.addressType === addressType);
    const wanted = desired.addressTypes.some((type) => type === addressType);
    const groups = wanted ? desired.groups.filter((group) => group.addressType === addressType) : [];
    const { drafts, free } = packFamily(owner, groups, present, maxEndpoints);
    if (wanted && placeholders && drafts.length === 0)
      drafts.push(placeholder(addressType as AddressType, free));
    for (const { slice, group, endpoints } of drafts) {
      const content = { ...group, endpoints };
      const target = slice ?? free.shift();
      if (target === undefined) create.push(newSlice(owner, content, triggerTime));
      else if (!saysAlready(target, owner, content))
        update.push(changedSlice(target, owner, content, triggerTime));
    }
    remove.push(...free);
  }
  return { create, update, delete: remove };
}

/** The drafts of all groups of one family, and the slices that none of them uses. */
function packFamily(
  owner: SliceOwner,
  groups: readonly EndpointGroup[],
  present: readonly EndpointSlice[],
  maxEndpoints: number,
): { drafts: Draft[]; free: EndpointSlice[] } {
  const byGroup = new Map<string, EndpointSlice[]>(
    groups.map((group) => [groupKey(group.addressType, group.ports), []]),
  );
  const free: EndpointSlice[] = [];
  for (const slice of present) {
    const mates = byGroup.get(groupKey(slice.addressType, slice.ports ?? []));
    // Slices of ports that nobody has, and of an older owner of the same name.
    if (mates === undefined || !isOwnedBy(slice, owner)) free.push(slice);
    else mates.push(slice);
  }
  const drafts = groups.flatMap((group) =>
    packGroup(group, byGroup.get(groupKey(group.addressType, group.ports))!, free, maxEndpoints),
  );
  return { drafts, free };
}

function packGroup(
  group: EndpointGroup,
  slices: readonly EndpointSlice[],
  free: EndpointSlice[],
  maxEndpoints: number,
): Draft[] {
  const left = new Map(group.endpoints.map((endpoint) => [endpointIdentity(endpoint), endpoint]));
  const changed: Draft[] = [];
  const unchanged: Draft[] = [];
  for (const slice of slices) {
    const endpoints: Endpoint[] = [];
    for (const present of slice.endpoints ?? []) {
      const identity = endpointIdentity(present);
      const wanted = left.get(identity);
      if (wanted === undefined) continue;
      endpoints.push(wanted);
      left.delete(identity);
    }
    const same = isDeepStrictEqual(endpoints, slice.endpoints ?? []);
    if (endpoints.length === 0 && !same) free.push(slice);
    else (same ? unchanged : changed).push({ slice, group, endpoints });
  }

  const rest = Array.from(left.values());
  changed.sort((a, b) => b.endpoints.length - a.endpoints.length);
  for (const { endpoints } of changed)
    endpoints.push(...rest.splice(0, Math.max(0, maxEndpoints - endpoints.length)));
  const created: Draft[] = [];
  while (rest.length > 0) {
    const roomy = rest.length < maxEndpoints ? bestFit(unchanged, rest.length, maxEndpoints) : undefined;
    const draft = roomy ?? { slice: undefined, group, endpoints: [] };
    if (roomy === undefined) created.push(draft);
    draft.endpoints.push(...rest.splice(0, maxEndpoints - draft.endpoints.length));
  }
  // Empty slices of the right ports that are still empty are the placeholder's business.
  const [used, empty] = [unchanged.filter(hasEndpoints), unchanged.filter((draft) => !hasEndpoints(draft))];
  free.push(...empty.map(({ slice }) => slice!));
  return [...changed, ...used, ...created];
}

function hasEndpoints({ endpoints }: Draft): boolean {
  return endpoints.length > 0;
}

/** The draft that is fullest after taking `count` more; undefined if none has the room. */
function bestFit(drafts: readonly Draft[], count: number, maxEndpoints: number): Draft | undefined {
  let best: Draft | undefined;
  for (const draft of drafts)
    if (
      draft.endpoints.length + count <= maxEndpoints &&
      draft.endpoints.length > (best?.endpoints.length ?? -1)
    )
      best = draft;
  return best;
}

/** One slice without ports or endpoints: an empty one that is there already, if there is one. */
function placeholder(addressType: AddressType, free: EndpointSlice[]): Draft {
  const index = free.findIndex(
    ({ endpoints, ports }) => (endpoints ?? []).length + (ports ?? []).length === 0,
  );
  const [slice] = index < 0 ? [] : free.splice(index, 1);
  return { slice, group: { addressType, ports: [] }, endpoints: [] };
}
