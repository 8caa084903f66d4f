/** What is programmed for the backends of some clients of a virtual port: a picker and its slots. */
import { DataPlaneError } from "../dataplane.ts";
import { hashText } from "../maglev.ts";
import type { Choice, VirtualPort } from "../table.ts";
import { isNodePort } from "../table.ts";
import { addressOf, endpointId, portName } from "./keys.ts";
import type { Picker } from "./pickers.ts";
import { MAX_SLOTS } from "./pickers.ts";
import type { IpVersion } from "./sets.ts";
import type { Weighted } from "./slots.ts";
import { slotsFor } from "./slots.ts";

export interface ProgrammedChoice {
  /** A picker's chain, one of NOBODY's, or nothing: then connections go on to be refused in unserved. */
  readonly picker: Picker | "refuse" | "discard" | undefined;
  /** Endpoints by slot, as keys.ts' endpointId has them. */
  readonly slots: readonly string[];
  /** Those of the endpoints' addresses that are on this node, one character for a byte. */
  readonly local: readonly string[];
  /** With session affinity: each endpoint's name. */
  readonly names: ReadonlyMap<string, number>;
}

export const NO_CHOICE: ProgrammedChoice = { picker: undefined, slots: [], local: [], names: new Map() };

/** `current` is what the slots hold now, as far as that is known. Throws DataPlaneError. */
export function programChoice(
  port: VirtualPort,
  choice: Choice,
  version: IpVersion,
  current: readonly (string | undefined)[],
): ProgrammedChoice {
  const external = choice !== port;
  const endpoints = endpointsOf(port, choice, version);
  if (endpoints.length === 0) {
    const drop = choice.whenEmpty === "drop";
    return { ...NO_CHOICE, picker: drop ? "discard" : external ? "refuse" : undefined };
  }
  const balance = port.balance ?? "random";
  const slots = slotsFor(endpoints, balance, current);
  const local = choice.backends.flatMap(({ local }, index) =>
    local === true ? [addressOf(endpoints[index]!.key)] : [],
  );
  const { affinity } = port;
  const picker: Picker = {
    balance,
    slots: slots.length,
    to: isNodePort(port) ? "node" : "address",
    external,
    ...(affinity === undefined ? {} : { affinity }),
    ...(balance === "round-robin" ? { port: { version, name: portName(port) } } : {}),
  };
  return {
    picker,
    slots,
    local,
    names: affinity === undefined ? NO_CHOICE.names : names(endpoints, external),
  };
}

function endpointsOf(port: VirtualPort, { backends }: Choice, version: IpVersion): Weighted[] {
  const { service } = port;
  if (backends.length > MAX_SLOTS)
    throw new DataPlaneError(
      `service ${service} has ${backends.length} endpoints on port ${port.port}; ${MAX_SLOTS} are possible`,
    );
  const whose = `service ${service}`;
  const endpoints = backends.map((backend) => {
    const weight = backend.weight ?? 1;
    if (!Number.isInteger(weight) || weight < 1 || weight > MAX_WEIGHT)
      throw new DataPlaneError(
        `the weight of endpoint ${backend.address} of ${whose} must be 1 to ${MAX_WEIGHT}, not ${weight}`,
      );
    return { key: endpointId(backend, version, whose), weight };
  });
  if (hasDuplicates(endpoints))
    throw new DataPlaneError(`service ${service} has the same endpoint twice on port ${port.port}`);
  return endpoints;
}

const MAX_WEIGHT = 1000;

/** Most services have few endpoints, and for those comparing each with each is faster than making a Set. */
function hasDuplicates(endpoints: readonly Weighted[]): boolean {
  if (endpoints.length > 16) return new Set(endpoints.map(({ key }) => key)).size < endpoints.length;
  return endpoints.some(({ key }, index) => {
    for (let other = index + 1; other < endpoints.length; other++)
      if (endpoints[other]!.key === key) return true;
    return false;
  });
}

/** The upper bit tells names for clients outside the cluster from the others. */
const EXTERNAL_NAME = 0x8000_0000;

/**
 * A number for each endpoint, made of its address and port: the same after a restart and when it comes back, and no other
 * endpoint's of the choice. Two that would have the same are told apart in the order of their keys.
 */
function names(endpoints: readonly Weighted[], external: boolean): Map<string, number> {
  const taken = new Set<number>();
  const byEndpoint = new Map<string, number>();
  for (const { key } of endpoints.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
    let name = hashText(key, 0) & ~EXTERNAL_NAME;
    while (taken.has(name)) name = (name + 1) & ~EXTERNAL_NAME;
    taken.add(name);
    byEndpoint.set(key, external ? (name | EXTERNAL_NAME) >>> 0 : name);
  }
  return byEndpoint;
}
