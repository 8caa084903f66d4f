/**
 * From a change of the table to the commands that bring it about: pure, so that every case can be tested as values.
 *
 * All of a change goes into one batch. Everything is checked here, before it is sent: a batch that the kernel refuses
 * costs it a synchronize_rcu (milliseconds), and tells less.
 */
import type { Cidr } from "../../base/ip.ts";
import { cidr, cidrContains, cidrSize, ipBytes, ipFromBytes } from "../../base/ip.ts";
import type { Command, SetDefinition, SetElement } from "../../net/nftables/model.ts";
import { Family } from "../../net/nftables/model.ts";
import { DataPlaneError } from "../dataplane.ts";
import type { TableDelta, VirtualPort, VirtualPortKey } from "../table.ts";
import { virtualPortKey } from "../table.ts";
import { endpointId, endpointKey, ipVersion, latin1Bytes, portKey } from "./keys.ts";
import type { IpVersion } from "./ruleset.ts";
import { MAX_SLOTS, slotCommands, TABLE_NAME } from "./ruleset.ts";
import { fillSlots } from "./slots.ts";

/** What is programmed for one virtual port. */
export interface ProgrammedPort {
  readonly version: IpVersion;
  /** address . protocol . port. */
  readonly key: Uint8Array;
  /** Whether the address is in none of the ranges. */
  readonly outside: boolean;
  /** Endpoints by slot, as keys.ts' endpointId has them. */
  readonly slots: readonly string[];
}

/** What is programmed: the elements that exist are a function of this. Changed only by {@link commitPlan}. */
export interface Programmed {
  readonly ranges: readonly Cidr[];
  readonly ports: Map<VirtualPortKey, ProgrammedPort>;
  /** How many slots an endpoint's address is in; the keys are addresses with one character for a byte. */
  readonly addresses: Map<string, number>;
  /** The numbers of slots that have a chain. */
  readonly chains: Set<number>;
}

export interface Plan {
  /** To be sent as one batch. Empty if nothing is to be done. */
  readonly commands: readonly Command[];
  readonly ports: ReadonlyMap<VirtualPortKey, ProgrammedPort | undefined>;
  /** By how much each address's count changes. */
  readonly addresses: ReadonlyMap<string, number>;
  readonly chains: readonly number[];
}

export interface PlanOptions {
  /** The slots that a virtual port has already, by its key as characters: they are kept where possible. */
  readonly found?: (key: Uint8Array) => readonly (string | undefined)[] | undefined;
}

type SetName = `${"slots" | "endpoints" | "outside" | "self" | "ranges"}${IpVersion}`;

export function setReference(
  name: string,
  kind: SetDefinition["kind"],
): Pick<SetDefinition, "family" | "table" | "name" | "kind"> {
  return { family: Family.inet, table: TABLE_NAME, name, kind };
}

/** Nothing but the ranges. Throws DataPlaneError if one is not a CIDR range. */
export function nothingProgrammed(ranges: readonly string[]): Programmed {
  return { ranges: ranges.map(parseRange), ports: new Map(), addresses: new Map(), chains: new Set() };
}

function parseRange(text: string): Cidr {
  try {
    return cidr(text);
  } catch (cause) {
    throw new DataPlaneError(`service range: ${(cause as Error).message}`, { cause });
  }
}

/** What is to be done for `delta`; what it removes and sets at once is replaced. Throws DataPlaneError if it cannot be done; nothing has changed then. */
export function planDelta(programmed: Programmed, delta: TableDelta, options: PlanOptions = {}): Plan {
  const planner = new Planner(programmed, options);
  const set = new Map(delta.set.map((port) => [virtualPortKey(port), port]));
  for (const key of new Set(delta.remove)) if (!set.has(key)) planner.remove(key);
  for (const [key, port] of set) planner.set(key, port);
  return planner.finish();
}

/** Takes over what a plan did, after its commands were committed. */
export function commitPlan(programmed: Programmed, plan: Plan): void {
  for (const [key, port] of plan.ports) {
    if (port === undefined) programmed.ports.delete(key);
    else programmed.ports.set(key, port);
  }
  for (const [address, change] of plan.addresses) {
    const count = (programmed.addresses.get(address) ?? 0) + change;
    if (count === 0) programmed.addresses.delete(address);
    else programmed.addresses.set(address, count);
  }
  for (const slots of plan.chains) programmed.chains.add(slots);
}

class Planner {
  readonly #programmed: Programmed;
  readonly #found: PlanOptions["found"];
  readonly #ports = new Map<VirtualPortKey, ProgrammedPort | undefined>();
  readonly #addresses = new Map<string, number>();
  readonly #chains = new Set<number>();
  readonly #deleted = new Map<SetName, SetElement[]>();
  readonly #added = new Map<SetName, SetElement[]>();

  constructor(programmed: Programmed, options: PlanOptions) {
    this.#programmed = programmed;
    this.#found = options.found;
  }

  remove(key: VirtualPortKey): void {
    const old = this.#programmed.ports.get(key);
    if (old === undefined) return;
    this.#change(old, old.slots, []);
    if (old.outside) this.#delete(`outside${old.version}`, { key: old.key });
    this.#ports.set(key, undefined);
  }

  set(tableKey: VirtualPortKey, port: VirtualPort): void {
    const old = this.#programmed.ports.get(tableKey);
    const next = old ?? this.#newPort(port);
    const wanted = endpointIds(port, next.version);
    const before = old?.slots ?? [];
    const slots = fillSlots(old?.slots ?? this.#found?.(next.key) ?? [], wanted);
    if (old === undefined && next.outside) this.#add(`outside${next.version}`, { key: next.key });
    if (slots.length > 0 && !this.#programmed.chains.has(slots.length)) this.#chains.add(slots.length);
    this.#change(next, before, slots);
    this.#ports.set(tableKey, { ...next, slots });
  }

  finish(): Plan {
    for (const [address, change] of this.#addresses) {
      const before = this.#programmed.addresses.get(address) ?? 0;
      const name = `self${address.length === 4 ? 4 : 6}` as const;
      if (before === 0 && change > 0) this.#add(name, { key: latin1Bytes(address + address) });
      if (before > 0 && before + change === 0) this.#delete(name, { key: latin1Bytes(address + address) });
    }
    const chains = [...this.#chains];
    const commands: Command[] = chains.flatMap(slotCommands);
    for (const [name, elements] of this.#deleted)
      commands.push({ op: "delete elements", set: setReference(name, kindOf(name)), elements });
    for (const [name, elements] of this.#added)
      commands.push({ op: "add elements", set: setReference(name, kindOf(name)), elements });
    return { commands, ports: this.#ports, addresses: this.#addresses, chains };
  }

  #newPort(port: VirtualPort): ProgrammedPort {
    const key = portKey(port);
    const bytes = key.subarray(0, key.length - 8);
    const address = ipFromBytes(bytes);
    const outside = !this.#programmed.ranges.some((range) => cidrContains(range, address));
    return { version: ipVersion(bytes), key, outside, slots: [] };
  }

  /** The elements for one port's slots from `before` to `after`. */
  #change(port: ProgrammedPort, before: readonly string[], after: readonly string[]): void {
    const { version, key } = port;
    for (let slot = 0; slot < before.length || slot < after.length; slot++) {
      const [old, next] = [before[slot], after[slot]];
      if (old === next) continue;
      const element = endpointKey(key, slot);
      if (old !== undefined) {
        this.#delete(`endpoints${version}`, { key: element });
        this.#count(old, -1);
      }
      if (next !== undefined) {
        this.#add(`endpoints${version}`, { key: element, data: latin1Bytes(next) });
        this.#count(next, 1);
      }
    }
    if (before.length === after.length) return;
    if (before.length > 0) this.#delete(`slots${version}`, { key });
    if (after.length > 0) this.#add(`slots${version}`, { key, data: slotCount(after.length) });
  }

  #count(endpoint: string, change: 1 | -1): void {
    const address = endpoint.slice(0, -4);
    this.#addresses.set(address, (this.#addresses.get(address) ?? 0) + change);
  }

  #delete(name: SetName, element: SetElement): void {
    push(this.#deleted, name, element);
  }

  #add(name: SetName, element: SetElement): void {
    push(this.#added, name, element);
  }
}

function push(into: Map<SetName, SetElement[]>, name: SetName, element: SetElement): void {
  const list = into.get(name);
  if (list === undefined) into.set(name, [element]);
  else list.push(element);
}

function kindOf(name: SetName): "map" | "set" {
  return name.startsWith("slots") || name.startsWith("endpoints") ? "map" : "set";
}

function slotCount(slots: number): Uint8Array {
  return Uint8Array.of(slots, slots >>> 8, 0, 0);
}

function endpointIds(port: VirtualPort, version: IpVersion): string[] {
  const { service, backends } = port;
  if (backends.length > MAX_SLOTS)
    throw new DataPlaneError(
      `service ${service} has ${backends.length} endpoints on port ${port.port}; ${MAX_SLOTS} are possible`,
    );
  const whose = `service ${service}`;
  const ids = backends.map((backend) => endpointId(backend, version, whose));
  if (hasDuplicates(ids))
    throw new DataPlaneError(`service ${service} has the same endpoint twice on port ${port.port}`);
  return ids;
}

/** Most services have few endpoints, and for those comparing each with each is faster than making a Set. */
function hasDuplicates(ids: readonly string[]): boolean {
  if (ids.length > 16) return new Set(ids).size < ids.length;
  return ids.some((id, index) => ids.indexOf(id, index + 1) >= 0);
}

/** The elements of rangesN: for each range its first address and, flagged, the first one past it. Ranges that touch or overlap are one. */
export function rangeElements(ranges: readonly Cidr[], version: IpVersion): SetElement[] {
  const bits = version === 4 ? 32n : 128n;
  const spans = ranges
    .filter((range) => range.base.family === version)
    .map((range) => ({ start: range.base.value, end: range.base.value + cidrSize(range) }))
    .sort((a, b) => (a.start < b.start ? -1 : 1));
  const merged: { start: bigint; end: bigint }[] = [];
  for (const span of spans) {
    const last = merged.at(-1);
    if (last === undefined || span.start > last.end) merged.push({ ...span });
    else if (span.end > last.end) last.end = span.end;
  }
  return merged.flatMap(({ start, end }) => {
    const first: SetElement = { key: ipBytes({ family: version, value: start }) };
    // A range that goes to the last address of all has no end.
    if (end === 1n << bits) return [first];
    return [first, { key: ipBytes({ family: version, value: end }), intervalEnd: true }];
  });
}
