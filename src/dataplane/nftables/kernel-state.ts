/** Reads table `inet fairlead` back: its rules as values, its elements as text that can be compared. */
import {
  decodeChain,
  decodeGeneration,
  decodeRule,
  decodeSet,
  decodeTable,
  visitMessageElements,
} from "../../net/nftables/decode.ts";
import {
  dumpChains,
  dumpElements,
  dumpRules,
  dumpSets,
  dumpTables,
  getGeneration,
} from "../../net/nftables/dump.ts";
import type { ElementView } from "../../net/nftables/elements.ts";
import type { Chain, Rule, SetDefinition, SetElement, Table } from "../../net/nftables/model.ts";
import type { NetlinkMessage } from "../../sys/netlink-message.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";
import { table } from "./ruleset.ts";

/** What is read with: synchronous, because the kernel answers within the call. */
export interface NetfilterSocket {
  transact(bytes: Uint8Array): NetlinkMessage[];
  dump(bytes: Uint8Array): NetlinkMessage[];
}

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
  readonly elements: ReadonlyMap<string, ElementTexts>;
}

export interface OwnGeneration {
  readonly id: number;
  /** The netlink port of the socket that asked. */
  readonly port: number;
}

/** The generation of the namespace's ruleset. */
export function readGeneration(socket: NetfilterSocket): OwnGeneration {
  const [message] = socket.transact(getGeneration());
  if (message === undefined) throw new Error("the kernel did not tell the ruleset's generation");
  return { id: decodeGeneration(message).id, port: message.port };
}

/** Reads everything. Throws NetlinkError; NetlinkDumpInterruptedError if others keep changing it. */
export function readKernelState(socket: NetfilterSocket): KernelState {
  const { family, name } = table;
  const generation = readGeneration(socket).id;
  const found = socket
    .dump(dumpTables(family))
    .map(decodeTable)
    .find((one) => one.name === name && one.family === family);
  const chains = new Map<string, Chain>();
  const rules = new Map<string, Rule[]>();
  const sets = new Map<string, SetDefinition>();
  const elements = new Map<string, ElementTexts>();
  if (found !== undefined) {
    for (const message of socket.dump(dumpChains(family))) {
      const chain = decodeChain(message);
      if (chain.table === name) chains.set(chain.name, chain);
    }
    for (const message of orNothing(() => socket.dump(dumpRules(family, name)))) {
      const rule = decodeRule(message);
      const before = rules.get(rule.chain);
      if (before === undefined) rules.set(rule.chain, [rule]);
      else before.push(rule);
    }
    for (const message of orNothing(() => socket.dump(dumpSets(family, name)))) {
      const set = decodeSet(message);
      sets.set(set.name, set);
      elements.set(set.name, readElements(socket, set));
    }
  }
  return { generation, table: found, chains, rules, sets, elements };
}

function readElements(socket: NetfilterSocket, set: SetDefinition): ElementTexts {
  const texts: ElementTexts = new Map();
  for (const message of orNothing(() => socket.dump(dumpElements(set))))
    visitMessageElements(message, (view) => texts.set(viewKey(view), viewData(view)));
  return texts;
}

/** Nothing if the table or set went away meanwhile: the generation tells the writer. */
function orNothing(read: () => NetlinkMessage[]): NetlinkMessage[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof NetlinkError && error.code === "ENOENT") return [];
    throw error;
  }
}

const INTERVAL_END = "|end";

/** One character for each byte of the key; ends of intervals are marked, since a start can be at the same address. */
export function elementKey(element: SetElement): string {
  const text = bytesText(element.key, 0, element.key.length);
  return element.intervalEnd === true ? text + INTERVAL_END : text;
}

export function elementData(element: SetElement): string {
  if (element.data !== undefined) return bytesText(element.data, 0, element.data.length);
  return element.verdict === undefined ? "" : verdictText(element.verdict);
}

/** The element that the texts say, for deleting it. */
export function elementOfKey(text: string): SetElement {
  if (!text.endsWith(INTERVAL_END)) return { key: Buffer.from(text, "latin1") };
  return { key: Buffer.from(text.slice(0, -INTERVAL_END.length), "latin1"), intervalEnd: true };
}

function viewKey(view: ElementView): string {
  const text = bytesText(view.bytes, view.keyStart, view.keyEnd);
  return view.intervalEnd ? text + INTERVAL_END : text;
}

function viewData(view: ElementView): string {
  if (view.verdict !== undefined) return verdictText(view.verdict);
  return bytesText(view.bytes, view.dataStart, view.dataEnd);
}

function verdictText(verdict: NonNullable<SetElement["verdict"]>): string {
  return "chain" in verdict ? `${verdict.code} ${verdict.chain}` : verdict.code;
}

function bytesText(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}
