/**
 * From a change of the table to the commands that bring it about: pure, so that every case can be tested as values.
 *
 * All of a change goes into one batch. Everything is checked here, before it is sent: a batch that the kernel refuses
 * costs it a synchronize_rcu (milliseconds), and tells less.
 */
import { isDeepStrictEqual } from "node:util";
import type { Cidr } from "../../base/ip.ts";
import { cidrContains, ipFromBytes } from "../../base/ip.ts";
import { hostBytes } from "../../net/nftables/expressions.ts";
import type { Command, SetElement } from "../../net/nftables/model.ts";
import type { TableDelta, VirtualPort, VirtualPortKey } from "../table.ts";
import { isNodePort, isWhole, virtualPortKey } from "../table.ts";
import type { CurrentChoice, ProgrammedChoice } from "./choice.ts";
import { NO_CHOICE, programChoice } from "./choice.ts";
import {
  addressIn,
  addressOf,
  allowedKeys,
  ipVersion,
  latin1,
  latin1Bytes,
  numberedKey,
  portKey,
} from "./keys.ts";
import type { Picker } from "./pickers.ts";
import { byPickerCommand, EXTERNAL_SLOTS, FIRST_PICKER, NOBODY } from "./pickers.ts";
import { pickerCommands, pickerName, pickerRules } from "./pickers.ts";
import type { AddressPlace, Counts, Programmed, ProgrammedPicker, ProgrammedPort } from "./programmed.ts";
import { noCounts, parseRanges } from "./programmed.ts";
import { loopbackRange, rangeElements } from "./ranges.ts";
import type { IpVersion } from "./sets.ts";
import { guarded, OURS, sets, setReference } from "./sets.ts";

export interface Plan {
  /** To be sent as one batch. Empty if nothing is to be done. */
  readonly commands: readonly Command[];
  readonly ports: ReadonlyMap<VirtualPortKey, ProgrammedPort | undefined>;
  /** By how much each count changes. */
  readonly counts: Counts;
  readonly pickers: ReadonlyMap<string, ProgrammedPicker | undefined>;
}

/** What the kernel has already, to be kept where possible. */
export interface Found {
  /** The endpoints in the slots of a virtual port, by its key: for all clients, or for those outside the cluster. */
  slots(key: Uint8Array, external: boolean): readonly (string | undefined)[];
  /** The names that it has by slot: with least clients, by turn. */
  ring(key: Uint8Array, external: boolean): readonly (number | undefined)[];
  /** The numbers of chains in by-picker, by name. */
  readonly pickers: ReadonlyMap<string, number>;
}

/** What is to be done for `delta`; what it removes and sets at once is replaced. Throws DataPlaneError if it cannot be done; nothing has changed then. */
export function planDelta(programmed: Programmed, delta: TableDelta, found?: Found): Plan {
  const planner = new Planner(programmed, found);
  const set = new Map(delta.set.map((port) => [virtualPortKey(port), port]));
  for (const key of new Set(delta.remove)) if (!set.has(key)) planner.remove(key);
  for (const [key, port] of set) planner.set(key, port);
  return planner.finish();
}

/** Ports whose turns of new clients are to be others, as they are to be; and chains whose turns are to begin anew. */
export interface NewTurns {
  readonly ports: ReadonlyMap<VirtualPortKey, ProgrammedPort>;
  readonly restart: readonly Picker[];
}

export function planTurns(programmed: Programmed, { ports, restart }: NewTurns): Plan {
  const planner = new Planner(programmed, undefined);
  for (const [key, port] of ports) planner.turn(key, port);
  for (const picker of restart) planner.restart(picker);
  return planner.finish();
}

/** Ports planned, or described, before the work may be left for a while. */
const PORTS_AT_ONCE = 32;

/** {@link planDelta} for a table's worth of ports that are not programmed yet. */
export function* planPorts(
  programmed: Programmed,
  ports: Iterable<readonly [VirtualPortKey, VirtualPort]>,
  found?: Found,
): Generator<void, Plan> {
  const planner = new Planner(programmed, found);
  let done = 0;
  for (const [key, port] of ports) {
    planner.set(key, port);
    if (++done % PORTS_AT_ONCE === 0) yield;
  }
  return planner.finish();
}

/**
 * Hands the elements that are there because of the programmed ports to `take`, as commands that add them; some of them
 * more than once. Those of a port that is changed meanwhile are as they were or as they are.
 */
export function* describePorts(
  programmed: Programmed,
  take: (commands: readonly Command[]) => void,
): Generator<void, void> {
  // Of what is counted there is one element for all ports: here, one more for each part.
  const uncounted = { ...programmed, counts: noCounts() };
  let planner = new Planner(uncounted, undefined);
  let done = 0;
  for (const port of programmed.ports.values()) {
    planner.describe(port);
    if (++done % PORTS_AT_ONCE !== 0) continue;
    take(planner.finish().commands);
    planner = new Planner(uncounted, undefined);
    yield;
  }
  take(planner.finish().commands);
}

/** Takes over what a plan did, after its commands were committed. */
export function commitPlan(programmed: Programmed, plan: Plan): void {
  replace(programmed.ports, plan.ports);
  replace(programmed.pickers, plan.pickers);
  for (const name of ["self", "local", "whole", "nodePorts", "chains"] as const)
    for (const [key, change] of plan.counts[name]) {
      const count = (programmed.counts[name].get(key) ?? 0) + change;
      if (count === 0) programmed.counts[name].delete(key);
      else programmed.counts[name].set(key, count);
    }
}

function replace<Key, Value>(into: Map<Key, Value>, changes: ReadonlyMap<Key, Value | undefined>): void {
  for (const [key, value] of changes) {
    if (value === undefined) into.delete(key);
    else into.set(key, value);
  }
}

class Planner {
  readonly #programmed: Programmed;
  readonly #found: Found | undefined;
  readonly #ports = new Map<VirtualPortKey, ProgrammedPort | undefined>();
  readonly #pickers = new Map<string, ProgrammedPicker | undefined>();
  readonly #counts: Counts = noCounts();
  readonly #newChains: Command[] = [];
  readonly #oldChains: Command[] = [];
  readonly #deleted = new Map<string, SetElement[]>();
  readonly #added = new Map<string, SetElement[]>();
  /** Numbers in by-picker that are in use; those from `#lastNumber` on have not been given by this plan. */
  #taken: Set<number> | undefined;
  #lastNumber = FIRST_PICKER - 1;

  constructor(programmed: Programmed, found: Found | undefined) {
    this.#programmed = programmed;
    this.#found = found;
  }

  remove(key: VirtualPortKey): void {
    const old = this.#programmed.ports.get(key);
    if (old === undefined) return;
    this.#change(old, undefined);
    this.#ports.set(key, undefined);
  }

  set(tableKey: VirtualPortKey, port: VirtualPort): void {
    const old = this.#programmed.ports.get(tableKey);
    const next = this.#program(port, old);
    this.#change(old, next);
    this.#ports.set(tableKey, next);
  }

  /** Writes all elements of a port that is programmed. */
  describe(port: ProgrammedPort): void {
    this.#change(undefined, port);
  }

  finish(): Plan {
    const counts = this.#counts;
    for (const [address, gained] of this.#turned("self"))
      this.#write(gained, `self${address.length === 4 ? 4 : 6}`, { key: latin1Bytes(address + address) });
    for (const [address, gained] of this.#turned("local"))
      this.#write(gained, `local${address.length === 4 ? 4 : 6}`, { key: latin1Bytes(address) });
    for (const [address, gained] of this.#turned("whole"))
      this.#write(gained, `addresses${address.length === 4 ? 4 : 6}`, { key: latin1Bytes(address) });
    for (const [version, gained] of this.#turned("nodePorts"))
      if (version === "4")
        for (const element of rangeElements([loopbackRange], 4)) this.#write(gained, guarded.name, element);
    // After `#choose`, which makes those that come into use.
    for (const [name, gained] of this.#turned("chains")) if (!gained) this.#removePicker(name);
    const commands = this.#newChains;
    for (const [name, elements] of this.#deleted)
      commands.push({ op: "delete elements", set: setReference(name, kindOf(name)), elements });
    for (const [name, elements] of this.#added)
      commands.push({ op: "add elements", set: setReference(name, kindOf(name)), elements });
    commands.push(...this.#oldChains);
    return { commands, ports: this.#ports, counts, pickers: this.#pickers };
  }

  /** What comes into use (true) and what goes out of use. */
  *#turned(name: keyof Counts): Iterable<[string, boolean]> {
    for (const [key, change] of this.#counts[name]) {
      const before = this.#programmed.counts[name].get(key) ?? 0;
      if (before === 0 && change > 0) yield [key, true];
      if (before > 0 && before + change === 0) yield [key, false];
    }
  }

  #program(port: VirtualPort, old: ProgrammedPort | undefined): ProgrammedPort {
    const { version, key, isNode } = old ?? newPort(port);
    const place = this.#placeOf(port, key, old);
    const { turns } = this.#programmed;
    const current = (choice: ProgrammedChoice | undefined, external: boolean): CurrentChoice => ({
      slots: choice?.slots ?? this.#found?.slots(key, external) ?? [],
      ring:
        choice?.ring ??
        (port.balance === "least-clients" ? this.#found?.ring(key, external) : undefined) ??
        [],
    });
    const all = programChoice(port, port, version, current(old?.all, false), turns);
    const external =
      port.external === undefined
        ? undefined
        : programChoice(port, port.external, version, current(old?.external, true), turns);
    const sources = port.sourceRanges === undefined ? undefined : sourcesOf(port, version);
    return { version, key, isNode, place, all, external, sources };
  }

  #placeOf(port: VirtualPort, key: Uint8Array, old: ProgrammedPort | undefined): AddressPlace {
    if (old?.place === "ranges") return "ranges";
    if (old === undefined) {
      const address = ipFromBytes(addressIn(key));
      if (this.#programmed.ranges.some((range) => cidrContains(range, address))) return "ranges";
    }
    return isWhole(port) ? "whole" : "outside";
  }

  #change(before: ProgrammedPort | undefined, after: ProgrammedPort | undefined): void {
    const port = (after ?? before)!;
    const { version } = port;
    this.#choose(port, "pickers", 0, before?.all ?? NO_CHOICE, after?.all ?? NO_CHOICE);
    if (before?.external !== undefined || after?.external !== undefined)
      this.#choose(
        port,
        "external",
        EXTERNAL_SLOTS,
        before?.external ?? NO_CHOICE,
        after?.external ?? NO_CHOICE,
      );
    if (before?.sources !== undefined || after?.sources !== undefined)
      this.#restrict(port, before?.sources, after?.sources);
    if (before?.place !== after?.place) {
      if (before !== undefined) this.#give(before, false);
      if (after !== undefined) this.#give(after, true);
    }
    if (port.isNode && (before === undefined || after === undefined))
      count(this.#counts.nodePorts, String(version), before === undefined ? 1 : -1);
  }

  /** outsideN or, for all ports of the address, addressesN. */
  #give({ version, key, place }: ProgrammedPort, gained: boolean): void {
    if (place === "outside") this.#write(gained, `outside${version}`, { key });
    if (place === "whole") count(this.#counts.whole, latin1(addressIn(key)), gained ? 1 : -1);
  }

  /** What makes one choice of a port another. */
  #choose(
    { version, key }: ProgrammedPort,
    map: "pickers" | "external",
    offset: number,
    before: ProgrammedChoice,
    after: ProgrammedChoice,
  ): void {
    this.#fill(version, key, offset, before, after);
    if (before.names !== after.names) this.#name(version, key, before, after);
    const [old, next] = [numberedPicker(before), numberedPicker(after)];
    if (old !== next || before.picker !== after.picker) {
      const number = this.#number(after);
      const former = this.#formerNumber(before);
      if (number !== former) {
        if (former !== undefined) this.#write(false, `${map}${version}`, { key });
        if (number !== undefined) this.#write(true, `${map}${version}`, { key, data: hostBytes(number) });
      }
    }
    if (old !== next) {
      if (hasOwnChain(before)) count(this.#counts.chains, old!, -1);
      if (hasOwnChain(after)) count(this.#counts.chains, next!, 1);
    }
    if (!sameTexts(before.local, after.local)) {
      for (const address of before.local) count(this.#counts.local, address, -1);
      for (const address of after.local) count(this.#counts.local, address, 1);
    }
  }

  /** Makes only the turns of new clients others, and begins those of `restart`, chains, anew. */
  turn(key: VirtualPortKey, next: ProgrammedPort): void {
    this.#change(this.#programmed.ports.get(key), next);
    this.#ports.set(key, next);
  }

  restart(picker: Picker): void {
    this.#makeRulesAnew(picker);
  }

  /** endpointsN and, with affinity, idsN. */
  #fill(
    version: IpVersion,
    key: Uint8Array,
    offset: number,
    before: ProgrammedChoice,
    after: ProgrammedChoice,
  ): void {
    const length = (choice: ProgrammedChoice): number =>
      Math.max(choice.slots.length, choice.ring?.length ?? 0);
    const end = Math.max(length(before), length(after));
    for (let slot = 0; slot < end; slot++) {
      const [old, next] = [before.slots[slot], after.slots[slot]];
      const [oldName, nextName] = [nameIn(before, slot), nameIn(after, slot)];
      if (old === next && oldName === nextName) continue;
      const element = numberedKey(key, offset + slot);
      if (oldName !== nextName) {
        if (oldName !== undefined) this.#write(false, `ids${version}`, { key: element });
        if (nextName !== undefined)
          this.#write(true, `ids${version}`, { key: element, data: hostBytes(nextName) });
      }
      if (old === next) continue;
      if (old !== undefined) {
        this.#write(false, `endpoints${version}`, { key: element });
        count(this.#counts.self, addressOf(old), -1);
      }
      if (next !== undefined) {
        this.#write(true, `endpoints${version}`, { key: element, data: latin1Bytes(next) });
        count(this.#counts.self, addressOf(next), 1);
      }
    }
  }

  /** membersN. */
  #name(version: IpVersion, key: Uint8Array, before: ProgrammedChoice, after: ProgrammedChoice): void {
    for (const [endpoint, name] of before.names)
      if (after.names.get(endpoint) !== name)
        this.#write(false, `members${version}`, { key: numberedKey(key, name) });
    for (const [endpoint, name] of after.names)
      if (before.names.get(endpoint) !== name)
        this.#write(true, `members${version}`, {
          key: numberedKey(key, name),
          data: latin1Bytes(endpoint),
        });
  }

  #restrict(
    { version, key }: ProgrammedPort,
    before: readonly Cidr[] | undefined,
    after: readonly Cidr[] | undefined,
  ): void {
    if ((before === undefined) !== (after === undefined))
      this.#write(after !== undefined, `restricted${version}`, { key });
    const isIn = (list: readonly Cidr[] | undefined, range: Cidr): boolean =>
      list?.some((other) => isDeepStrictEqual(other, range)) ?? false;
    for (const range of before ?? [])
      if (!isIn(after, range)) this.#write(false, `allowed${version}`, allowedKeys(key, range));
    for (const range of after ?? [])
      if (!isIn(before, range)) this.#write(true, `allowed${version}`, allowedKeys(key, range));
  }

  /** The number in by-picker of a choice's chain, which is made if need be; undefined for none. */
  #number({ picker }: ProgrammedChoice): number | undefined {
    if (picker === undefined) return undefined;
    if (typeof picker === "string") return NOBODY[picker];
    const name = pickerName(picker);
    const known = this.#pickers.get(name) ?? this.#programmed.pickers.get(name);
    if (known === undefined) {
      const number = this.#found?.pickers.get(name) ?? this.#unused();
      this.#newChains.push(...pickerCommands(picker, number));
      this.#pickers.set(name, { number, picker });
      return number;
    }
    // The chain of one port's turns gets other rules when it gets another number of slots.
    if (picker.port !== undefined && known.picker.slots !== picker.slots) {
      this.#makeRulesAnew(picker);
      this.#pickers.set(name, { number: known.number, picker });
    }
    return known.number;
  }

  /** In place, and its turns begin with the first. */
  #makeRulesAnew(picker: Picker): void {
    this.#newChains.push({ op: "flush chain", chain: { ...OURS, name: pickerName(picker) } });
    for (const rule of pickerRules(picker)) this.#newChains.push({ op: "add rule", rule });
  }

  #formerNumber({ picker }: ProgrammedChoice): number | undefined {
    if (picker === undefined) return undefined;
    if (typeof picker === "string") return NOBODY[picker];
    return this.#programmed.pickers.get(pickerName(picker))?.number;
  }

  #removePicker(name: string): void {
    const { number } = this.#programmed.pickers.get(name)!;
    const chain = { ...OURS, name };
    this.#oldChains.push(
      byPickerCommand("delete elements", name, number),
      { op: "flush chain", chain },
      { op: "delete chain", chain },
    );
    this.#pickers.set(name, undefined);
  }

  #unused(): number {
    this.#taken ??= new Set([
      ...[...this.#programmed.pickers.values()].map(({ number }) => number),
      ...(this.#found?.pickers.values() ?? []),
    ]);
    do this.#lastNumber++;
    while (this.#taken.has(this.#lastNumber));
    return this.#lastNumber;
  }

  #write(add: boolean, set: string, element: SetElement): void {
    const into = add ? this.#added : this.#deleted;
    const list = into.get(set);
    if (list === undefined) into.set(set, [element]);
    else list.push(element);
  }
}

function newPort(port: VirtualPort): Pick<ProgrammedPort, "version" | "key" | "isNode"> {
  const key = portKey(port);
  return { version: ipVersion(addressIn(key)), key, isNode: isNodePort(port) };
}

function count(counts: Map<string, number>, key: string, change: 1 | -1): void {
  counts.set(key, (counts.get(key) ?? 0) + change);
}

/** The chain's name, if the picker is one that has a number of its own. */
function numberedPicker({ picker }: ProgrammedChoice): string | undefined {
  return typeof picker === "object" ? pickerName(picker) : picker;
}

function nameIn({ ring, slots, names }: ProgrammedChoice, slot: number): number | undefined {
  if (ring !== undefined) return ring[slot];
  const endpoint = slots[slot];
  return endpoint === undefined ? undefined : names.get(endpoint);
}

/** Its chain goes when the last choice that uses it does; others are there for all ports, and stay. */
function hasOwnChain({ picker }: ProgrammedChoice): boolean {
  return typeof picker === "object" && picker.port !== undefined;
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index]);
}

const KINDS = new Map(sets.map(({ name, kind }) => [name, kind]));

function kindOf(name: string) {
  return KINDS.get(name)!;
}

/** The ranges of the port's family, without those inside others. */
function sourcesOf({ service, sourceRanges = [] }: VirtualPort, version: IpVersion): Cidr[] {
  const ranges = parseRanges(sourceRanges, `service ${service}: source range`).filter(
    ({ base }) => base.family === version,
  );
  return ranges.filter(
    (range, index) =>
      !ranges.some(
        (other, at) =>
          at !== index &&
          cidrContains(other, range.base) &&
          (other.length < range.length || (other.length === range.length && at < index)),
      ),
  );
}
