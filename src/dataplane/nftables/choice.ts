/** What is programmed for the backends of some clients of a virtual port: a picker and its slots. */
import { DataPlaneError } from "../dataplane.ts";
import { hashText } from "../maglev.ts";
import type { Choice, VirtualPort } from "../table.ts";
import { affinityOf, isNodePort } from "../table.ts";
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
  /** With least clients, the names of the endpoints that the next new clients get, by turn. */
  readonly ring?: readonly number[];
}

export const NO_CHOICE: ProgrammedChoice = { picker: undefined, slots: [], local: [], names: new Map() };

/** What is there now, as far as that is known. */
export interface CurrentChoice {
  readonly slots: readonly (string | undefined)[];
  readonly ring: readonly (number | undefined)[];
}

/** `turns` arranges whom new clients get, with least clients. Throws DataPlaneError. */
export function programChoice(
  port: VirtualPort,
  choice: Choice,
  version: IpVersion,
  current: CurrentChoice,
  turns: ClientTurns,
): ProgrammedChoice {
  const external = choice !== port;
  const endpoints = endpointsOf(port, choice, version);
  if (endpoints.length === 0) {
    const drop = choice.whenEmpty === "drop";
    return { ...NO_CHOICE, picker: drop ? "discard" : external ? "refuse" : undefined };
  }
  const balance = port.balance ?? "random";
  const slots = slotsFor(endpoints, balance, current.slots);
  const local = choice.backends.flatMap(({ local }, index) =>
    local === true ? [addressOf(endpoints[index]!.key)] : [],
  );
  const affinity = affinityOf(port);
  const picker: Picker = {
    balance,
    slots: slots.length,
    to: isNodePort(port) ? "node" : "address",
    external,
    ...(affinity === undefined ? {} : { affinity }),
    ...(balance === "round-robin" ? { port: { version, name: portName(port) } } : {}),
    ...(balance === "least-clients" ? { port: { version, name: port.service } } : {}),
  };
  const names =
    affinity === undefined
      ? NO_CHOICE.names
      : nameEndpoints(endpoints, external, balance === "least-clients");
  const programmed = { picker, slots, local, names };
  if (balance !== "least-clients") return programmed;
  return { ...programmed, ring: turns.ring(picker, sharesOf(programmed), current.ring) };
}

/** What an endpoint gets of the clients: as many as it has slots of all. In the order in which equals are chosen. */
export interface ClientShare {
  readonly name: number;
  readonly weight: number;
}

/** Arranges the turns of new clients. */
export interface ClientTurns {
  /** The names by turn, ringLength() of them; as `current` if that is as good. */
  ring(
    picker: Picker,
    shares: readonly ClientShare[],
    current: readonly (number | undefined)[],
  ): readonly number[];
}

/** The endpoints of a choice with session affinity. */
export function sharesOf({ slots, names }: Pick<ProgrammedChoice, "slots" | "names">): ClientShare[] {
  const weights = new Map<number, number>();
  for (const name of names.values()) weights.set(name, 0);
  for (const endpoint of slots) {
    const name = names.get(endpoint)!;
    weights.set(name, weights.get(name)! + 1);
  }
  return Array.from(weights, ([name, weight]) => ({ name, weight }));
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
 * endpoint's of the choice. Two that would have the same are told apart in the order of their keys. With `byAddress` the port
 * counts only so: a container has the same name on all ports of a Service.
 */
function nameEndpoints(
  endpoints: readonly Weighted[],
  external: boolean,
  byAddress: boolean,
): Map<string, number> {
  const taken = new Set<number>();
  const byEndpoint = new Map<string, number>();
  for (const { key } of endpoints.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
    let name = hashText(byAddress ? addressOf(key) : key, 0) & ~EXTERNAL_NAME;
    while (taken.has(name)) name = (name + 1) & ~EXTERNAL_NAME;
    taken.add(name);
    byEndpoint.set(key, external ? (name | EXTERNAL_NAME) >>> 0 : name);
  }
  return byEndpoint;
}
