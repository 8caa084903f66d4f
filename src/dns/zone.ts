/**
 * The records that we are the authority for, by name, changed one record at a time.
 *
 * A name exists if it has records, or if a name below it does (an empty non-terminal, RFC 8020), or if it was pinned
 * (a namespace without Services). Adding and removing cost what the name's depth is, whatever the number of names.
 */
import { Type } from "../net/dns/constants.ts";
import { type NameKey, parentName, ROOT } from "../net/dns/name.ts";
import type { ResourceRecord } from "../net/dns/record.ts";
import type { Answer } from "./answer.ts";

/** The top of a zone: the name that has its SOA. */
export interface Apex {
  readonly name: NameKey;
}

interface Wanted {
  readonly record: ResourceRecord;
  /** By how many objects. */
  wanted: number;
}

export class ZoneNode {
  /** Sets of records by type; in a set by what identifies the data, with how many want it. */
  readonly records: Map<number, Map<string, Wanted>> = new Map();
  /** Names directly below, and pins. */
  references = 0;
  apex: Apex | undefined;
  /** Answers to questions of this name by type, as long as its records are what they are. */
  readonly answers: Map<number, Answer> = new Map();

  constructor(apex: Apex | undefined) {
    this.apex = apex;
  }

  get hasRecords(): boolean {
    return this.records.size > 0;
  }

  get isEmpty(): boolean {
    return !this.hasRecords && this.references === 0;
  }

  /** The records of one type, or none. */
  ofType(type: number): readonly ResourceRecord[] {
    const set = this.records.get(type);
    return set === undefined ? [] : Array.from(set.values(), ({ record }) => record);
  }
}

export class Zone {
  /** Grows by one with each change of any record. */
  version = 0;
  /** Records, each counted once. */
  size = 0;
  readonly #nodes = new Map<NameKey, ZoneNode>();
  readonly #apexes = new Map<NameKey, Apex>();

  /** Apexes stay. Names that were there before come under it, unless they have a nearer one. */
  addApex(name: NameKey): void {
    if (this.#apexes.has(name)) return;
    const apex = { name };
    this.#apexes.set(name, apex);
    for (const [below, node] of Array.from(this.#nodes))
      if (node.apex === undefined && this.apexOf(below) === apex) {
        node.apex = apex;
        node.answers.clear();
        if (below !== name) this.#make(parentName(below)).references++;
      }
    this.pin(name);
  }

  node(name: NameKey): ZoneNode | undefined {
    return this.#nodes.get(name);
  }

  /** The zone that `name` is in, whether it exists or not; the nearest one. */
  apexOf(name: NameKey): Apex | undefined {
    for (let at = name; ; at = parentName(at)) {
      const apex = this.#apexes.get(at);
      if (apex !== undefined || at === ROOT) return apex;
    }
  }

  /** The name exists until it is unpinned as often, even without records. */
  pin(name: NameKey): void {
    this.#make(name).references++;
    this.version++;
  }

  unpin(name: NameKey): void {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    node.references--;
    this.version++;
    this.#dropIfEmpty(name, node);
  }

  /** The same record added twice must be removed twice. */
  add(record: ResourceRecord, identity: string): void {
    const node = this.#make(record.owner);
    let set = node.records.get(record.type);
    if (set === undefined) node.records.set(record.type, (set = new Map()));
    const known = set.get(identity);
    if (known !== undefined) {
      known.wanted++;
      return;
    }
    set.set(identity, { record, wanted: 1 });
    this.size++;
    this.#changed(node);
  }

  remove(record: ResourceRecord, identity: string): void {
    const node = this.#nodes.get(record.owner);
    const set = node?.records.get(record.type);
    const known = set?.get(identity);
    if (node === undefined || set === undefined || known === undefined || --known.wanted > 0) return;
    set.delete(identity);
    if (set.size === 0) node.records.delete(record.type);
    this.size--;
    this.#changed(node);
    this.#dropIfEmpty(record.owner, node);
  }

  #changed(node: ZoneNode): void {
    this.version++;
    node.answers.clear();
  }

  #make(name: NameKey): ZoneNode {
    let node = this.#nodes.get(name);
    if (node !== undefined) return node;
    const apex = this.apexOf(name);
    node = new ZoneNode(apex);
    this.#nodes.set(name, node);
    // Names of addresses outside of our zones have nothing above them that would be ours.
    if (apex !== undefined && apex.name !== name) this.#make(parentName(name)).references++;
    return node;
  }

  #dropIfEmpty(name: NameKey, node: ZoneNode): void {
    if (!node.isEmpty || this.#nodes.get(name) !== node) return;
    this.#nodes.delete(name);
    if (node.apex === undefined || node.apex.name === name) return;
    const parent = parentName(name);
    const above = this.#nodes.get(parent);
    if (above === undefined) return;
    above.references--;
    this.#dropIfEmpty(parent, above);
  }
}

/** What makes a record one of its set: the same data of the same type is the same record (RFC 2181 section 5). */
export function recordIdentity({ type, rdata }: Pick<ResourceRecord, "type" | "rdata">): string {
  let identity = String.fromCharCode(type);
  for (const part of rdata)
    identity += typeof part === "string" ? part : Buffer.from(part).toString("latin1");
  return identity;
}

/** Types that are never asked for by their names: meta types and transfers (RFC 6895 section 3.1). */
export function isMetaType(type: number): boolean {
  return type >= 128 && type <= 254 && type !== Type.ANY;
}
