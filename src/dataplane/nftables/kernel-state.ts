/** Reads table `inet fairlead` back: its rules as values, its elements as text that can be compared. */
import type { Chain, Rule, SetDefinition, SetElement, Table } from "../../net/nftables/model.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";
import { latin1 } from "./keys.ts";
import type { NftablesPort } from "./port.ts";
import { table } from "./sets.ts";

/** The elements of a set: for each key its data, "" without; as {@link elementKey} and {@link elementData} write them. */
export type ElementTexts = Map<string, string>;

export interface KernelState {
  /** The generation before reading: a commit on condition that it still holds is based on what was read. */
  readonly generation: number;
  readonly table: Table | undefined;
  readonly chains: ReadonlyMap<string, Chain>;
  /** The rules of each chain, in order. */
  readonly rules: ReadonlyMap<string, readonly Rule[]>;
  readonly sets: ReadonlyMap<string, SetDefinition>;
  /** Of the sets that packets do not write. */
  readonly elements: ReadonlyMap<string, ElementTexts>;
}

/** Reads everything. Throws NetlinkError; NetlinkDumpInterruptedError if others keep changing it. */
export function readKernelState(port: NftablesPort): KernelState {
  const { family, name } = table;
  const generation = port.generation();
  const found = port.tables(family).find((one) => one.name === name);
  const chains = new Map<string, Chain>();
  const sets = new Map<string, SetDefinition>();
  const elements = new Map<string, ElementTexts>();
  let rules = new Map<string, Rule[]>();
  if (found !== undefined) {
    for (const chain of port.chains(family)) if (chain.table === name) chains.set(chain.name, chain);
    rules = Map.groupBy(
      orNothing(() => port.rules(family, name)),
      (rule) => rule.chain,
    );
    for (const set of orNothing(() => port.sets(family, name))) {
      sets.set(set.name, set);
      // What packets write is nobody's to compare.
      if (set.flags.dynamic !== true)
        elements.set(set.name, elementTexts(orNothing(() => port.elements(set))));
    }
  }
  return { generation, table: found, chains, rules, sets, elements };
}

/** Nothing if the table or set went away meanwhile: the generation tells the writer. */
function orNothing<T>(read: () => T[]): T[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof NetlinkError && error.code === "ENOENT") return [];
    throw error;
  }
}

function elementTexts(elements: readonly SetElement[]): ElementTexts {
  const texts: ElementTexts = new Map();
  for (const element of elements) texts.set(elementKey(element), elementData(element));
  return texts;
}

/** No byte is written as these. */
const INTERVAL_END = "\u2026end";
const BOX = "\u2026box";

/**
 * One character for each byte of the key; of a box, the first key and the last. Ends of intervals are marked, since a start
 * can be at the same address.
 */
export function elementKey(element: SetElement): string {
  const text = latin1(element.key);
  if (element.intervalEnd === true) return text + INTERVAL_END;
  return element.keyEnd === undefined ? text : text + latin1(element.keyEnd) + BOX;
}

export function elementData(element: SetElement): string {
  if (element.data !== undefined) return latin1(element.data);
  return element.verdict === undefined ? "" : verdictText(element.verdict);
}

/** The element that the texts say, for deleting it. */
export function elementOfKey(text: string): SetElement {
  if (text.endsWith(BOX)) {
    const both = Buffer.from(text.slice(0, -BOX.length), "latin1");
    return { key: both.subarray(0, both.length / 2), keyEnd: both.subarray(both.length / 2) };
  }
  if (!text.endsWith(INTERVAL_END)) return { key: Buffer.from(text, "latin1") };
  return { key: Buffer.from(text.slice(0, -INTERVAL_END.length), "latin1"), intervalEnd: true };
}

function verdictText(verdict: NonNullable<SetElement["verdict"]>): string {
  return "chain" in verdict ? `${verdict.code} ${verdict.chain}` : verdict.code;
}
