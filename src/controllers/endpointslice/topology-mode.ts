/**
 * Services that ask for hints by annotation (topology-hints.ts): their slices are packed as all others, then get their
 * hints, and whoever reads `kubectl describe service` is told whether they have them (topologycache/event.go).
 */
import { isDeepStrictEqual } from "node:util";
import type { EndpointSlice } from "../../api/endpointslice/type.ts";
import type { AddressType, DesiredEndpoints } from "./desired.ts";
import type { SliceWrites } from "./packing.ts";
import { changedSlice, endpointIdentity, type SliceOwner } from "./slice.ts";
import { topologyHints } from "./topology-hints.ts";
import type { ZoneShares } from "./zone-shares.ts";

export interface HintsReport {
  readonly addressType: AddressType;
  /** Whether there were hints before. */
  readonly hadHints: boolean;
  /** Why there are none now; undefined if there are. */
  readonly problem: string | undefined;
}

export interface HintedWrites {
  readonly writes: SliceWrites;
  readonly reports: readonly HintsReport[];
}

/** As `desired`, with the hints that the endpoints have in `existing`: so hints alone make no slice a changed one. */
export function withPresentHints(
  desired: DesiredEndpoints,
  existing: readonly EndpointSlice[],
): DesiredEndpoints {
  const hints = new Map(
    existing.flatMap(({ endpoints }) =>
      (endpoints ?? []).map((endpoint) => [endpointIdentity(endpoint), endpoint.hints] as const),
    ),
  );
  const groups = desired.groups.map((group) => ({
    ...group,
    endpoints: group.endpoints.map((endpoint) => {
      const present = hints.get(endpointIdentity(endpoint));
      return present === undefined ? endpoint : { ...endpoint, hints: present };
    }),
  }));
  return { ...desired, groups };
}

/** `writes` with hints in all that is written, and with the slices that must be written for their hints alone. */
export function hintedWrites(
  writes: SliceWrites,
  existing: readonly EndpointSlice[],
  addressTypes: readonly AddressType[],
  shares: ZoneShares | undefined,
  owner: SliceOwner,
  triggerTime: string | undefined,
): HintedWrites {
  const touched = new Set([...writes.update, ...writes.delete].map(({ metadata }) => metadata.name));
  const untouched = existing.filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined && !touched.has(metadata.name),
  );
  const create: EndpointSlice[] = [];
  const update: EndpointSlice[] = [];
  const reports: HintsReport[] = [];
  for (const addressType of addressTypes) {
    const ofFamily = (slices: readonly EndpointSlice[]) =>
      slices.filter((slice) => slice.addressType === addressType);
    const [creating, updating, unchanged] = [writes.create, writes.update, untouched].map(ofFamily) as [
      EndpointSlice[],
      EndpointSlice[],
      EndpointSlice[],
    ];
    const hinted = topologyHints(
      [...creating, ...updating].map(({ endpoints }) => endpoints),
      unchanged.map(({ endpoints }) => endpoints ?? []),
      shares,
    );
    creating.forEach((slice, i) => create.push({ ...slice, endpoints: [...hinted.written[i]!] }));
    updating.forEach((slice, i) =>
      update.push({ ...slice, endpoints: [...hinted.written[creating.length + i]!] }),
    );
    unchanged.forEach((slice, i) => {
      const endpoints = hinted.unchanged[i]!;
      if (isDeepStrictEqual(endpoints, slice.endpoints ?? [])) return;
      const content = { addressType, ports: slice.ports ?? [], endpoints };
      update.push(changedSlice(slice, owner, content, triggerTime));
    });
    reports.push({
      addressType,
      hadHints: ofFamily(existing).some(({ endpoints }) =>
        (endpoints ?? []).some(({ hints }) => hints !== undefined),
      ),
      problem: hinted.problem,
    });
  }
  return { writes: { create, update, delete: writes.delete }, reports };
}

export interface HintsNews {
  readonly type: "Normal" | "Warning";
  readonly reason: "TopologyAwareHintsEnabled" | "TopologyAwareHintsDisabled";
  readonly message: string;
}

/** Remembers what was last said of each Service, so that nothing is said twice. */
export interface HintsHistory {
  /** Of a Service that asks for hints. */
  note(key: string, reports: readonly HintsReport[]): readonly HintsNews[];
  /** Of one that does not, or that is gone. */
  drop(key: string): readonly HintsNews[];
}

export function createHintsHistory(): HintsHistory {
  /** By Service and family: the problem, or "" for hints. */
  const last = new Map<string, Map<AddressType, string>>();

  function disabled(why: string, addressType: AddressType): HintsNews {
    const message = `${why}, addressType: ${addressType}`;
    return { type: "Warning", reason: "TopologyAwareHintsDisabled", message };
  }

  return {
    note(key, reports) {
      const before = last.get(key);
      const news: HintsNews[] = [];
      for (const { addressType, hadHints, problem = "" } of reports) {
        if (before?.get(addressType) === problem) continue;
        if (problem !== "") news.push(disabled(problem, addressType));
        // After a restart the hints are there already, and no news.
        else if (!hadHints)
          news.push({
            type: "Normal",
            reason: "TopologyAwareHintsEnabled",
            message: `Topology Aware Hints has been enabled, addressType: ${addressType}`,
          });
      }
      last.set(key, new Map(reports.map(({ addressType, problem = "" }) => [addressType, problem])));
      return news;
    },
    drop(key) {
      const before = Array.from(last.get(key) ?? []);
      last.delete(key);
      return before
        .filter(([, problem]) => problem === "")
        .map(([addressType]) => disabled("Topology Aware Hints has been disabled", addressType));
    },
  };
}
