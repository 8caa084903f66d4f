/** Reads table `inet fairlead` back: its rules as values, its elements as text that can be compared. */
import type { Chain, Rule, SetDefinition, SetElement, Table } from "../../net/nftables/model.ts";
import { NetlinkDumpInterruptedError, NetlinkError } from "../../sys/netlink-error.ts";
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
  const state = readStructure(port);
  const elements = new Map<string, ElementTexts>();
  for (const set of readableSets(state)) elements.set(set.name, readElements(port, set));
  return { ...state, elements };
}

/**
 * The same over many turns of the event loop. `check` is called with each, and may throw. If others commit meanwhile, what
 * is read may be of several states; who writes on condition that the generation is as before does no harm.
 */
export async function readKernelStateInTurns(port: NftablesPort, check: () => void): Promise<KernelState> {
  const state = readStructure(port);
  const elements = new Map<string, ElementTexts>();
  for (const set of readableSets(state)) {
    for (let attempt = 1; ; attempt++) {
      const texts: ElementTexts = new Map();
      try {
        await port.visitElements(set, (part) => {
          check();
          addTexts(texts, part);
        });
        elements.set(set.name, texts);
        break;
      } catch (error) {
        if (isGone(error)) break;
        if (!(error instanceof NetlinkDumpInterruptedError) || attempt === MAX_READS) throw error;
      }
    }
  }
  return { ...state, elements };
}

const MAX_READS = 3;

/** Everything but elements. */
export function readStructure(port: NftablesPort): Omit<KernelState, "elements"> {
  const { family, name } = table;
  const generation = port.generation();
  const found = port.tables(family).find((one) => one.name === name);
  const chains = new Map<string, Chain>();
  const sets = new Map<string, SetDefinition>();
  let rules = new Map<string, Rule[]>();
  if (found !== undefined) {
    for (const chain of port.chains(family)) if (chain.table === name) chains.set(chain.name, chain);
    rules = Map.groupBy(
      orNothing(() => port.rules(family, name)),
      (rule) => rule.chain,
    );
    for (const set of orNothing(() => port.sets(family, name))) sets.set(set.name, set);
  }
  return { generation, table: found, chains, rules, sets };
}

/** What packets write is nobody's to compare. */
function readableSets({ sets }: Pick<KernelState, "sets">): SetDefinition[] {
  return [...sets.values()].filter(({ flags }) => flags.dynamic !== true);
}

export function readElements(port: NftablesPort, set: SetDefinition): ElementTexts {
  const texts: ElementTexts = new Map();
  addTexts(
    texts,
    orNothing(() => port.elements(set)),
  );
  return texts;
}

/** Nothing if the table or set went away meanwhile: the generation tells the writer. */
function orNothing<T>(read: () => T[]): T[] {
  try {
    return read();
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof NetlinkError && error.code === "ENOENT";
}

function addTexts(texts: ElementTexts, elements: readonly SetElement[]): void {
  for (const element of elements) texts.set(elementKey(element), elementData(element));
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
