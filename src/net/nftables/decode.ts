/** Tables, chains, rules, sets and generations from what the kernel sends: answers to dumps, and notifications. */
import type { NetlinkMessage } from "../../sys/netlink-message.ts";
import { AttributeReader } from "../netlink/parser.ts";
import {
  NFGENMSG_LENGTH,
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG,
  NFTA_CHAIN,
  NFTA_GEN,
  NFTA_HOOK,
  NFTA_RULE,
  NFTA_SET_ELEM_LIST,
  NFTA_TABLE,
  nftType,
  VERDICT_CODE,
} from "./constants.ts";
import { decodeExpressions } from "./decode-expression.ts";
import type { ElementView } from "./elements.ts";
import { copyElement, visitElements } from "./elements.ts";
import type { Chain, Expression, Family, Hook, Rule, SetDefinition, SetElement, Table } from "./model.ts";
import { decodeSetDefinition } from "./set-definition.ts";
import { userdataComment } from "./userdata.ts";

/** The ruleset's generation: it grows by one with each commit of anybody in the namespace. */
export interface Generation {
  readonly id: number;
  /** In notifications: the thread that committed. */
  readonly processId?: number;
  readonly processName?: string;
}

function familyOf(message: NetlinkMessage): Family {
  return message.payload[0]! as Family;
}

function attributesOf(message: NetlinkMessage): AttributeReader {
  return new AttributeReader(message.payload, NFGENMSG_LENGTH);
}

/** Whether the message is NFT_MSG `message` of nf_tables. */
export function isNft(message: NetlinkMessage, type: number): boolean {
  return message.type === nftType(type);
}

export function decodeTable(message: NetlinkMessage): Table {
  const table: { -readonly [Key in keyof Table]: Table[Key] } = { family: familyOf(message), name: "" };
  const attributes = attributesOf(message);
  while (attributes.next()) {
    if (attributes.type === NFTA_TABLE.NAME) table.name = attributes.string();
    else if (attributes.type === NFTA_TABLE.HANDLE) table.handle = attributes.u64be();
    else if (attributes.type === NFTA_TABLE.USERDATA) table.userdata = attributes.bytes();
    else if (attributes.type === NFTA_TABLE.FLAGS) {
      const flags = attributes.u32be();
      if (flags !== 0) table.flags = flags;
    }
  }
  return table;
}

export function decodeChain(message: NetlinkMessage): Chain {
  const chain: { -readonly [Key in keyof Chain]: Chain[Key] } = {
    family: familyOf(message),
    table: "",
    name: "",
  };
  let type = "";
  let policy: "accept" | "drop" = "accept";
  let hook: { hook: Hook; priority: number } | undefined;
  const attributes = attributesOf(message);
  while (attributes.next()) {
    if (attributes.type === NFTA_CHAIN.TABLE) chain.table = attributes.string();
    else if (attributes.type === NFTA_CHAIN.NAME) chain.name = attributes.string();
    else if (attributes.type === NFTA_CHAIN.HANDLE) chain.handle = attributes.u64be();
    else if (attributes.type === NFTA_CHAIN.USERDATA) chain.userdata = attributes.bytes();
    else if (attributes.type === NFTA_CHAIN.TYPE) type = attributes.string();
    else if (attributes.type === NFTA_CHAIN.POLICY)
      policy = attributes.u32be() === VERDICT_CODE.drop ? "drop" : "accept";
    else if (attributes.type === NFTA_CHAIN.HOOK) hook = decodeHook(attributes.nested());
  }
  if (hook !== undefined) chain.base = { type: type as "filter" | "nat" | "route", ...hook, policy };
  return chain;
}

function decodeHook(attributes: AttributeReader): { hook: Hook; priority: number } {
  let hook = 0;
  let priority = 0;
  while (attributes.next()) {
    if (attributes.type === NFTA_HOOK.HOOKNUM) hook = attributes.u32be();
    else if (attributes.type === NFTA_HOOK.PRIORITY) priority = attributes.u32be() | 0;
  }
  return { hook: hook as Hook, priority };
}

export function decodeRule(message: NetlinkMessage): Rule {
  let table = "";
  let chain = "";
  let expressions: Expression[] = [];
  const optional: { handle?: bigint; comment?: string } = {};
  const attributes = attributesOf(message);
  while (attributes.next()) {
    if (attributes.type === NFTA_RULE.TABLE) table = attributes.string();
    else if (attributes.type === NFTA_RULE.CHAIN) chain = attributes.string();
    else if (attributes.type === NFTA_RULE.HANDLE) optional.handle = attributes.u64be();
    else if (attributes.type === NFTA_RULE.EXPRESSIONS) expressions = decodeExpressions(attributes.nested());
    else if (attributes.type === NFTA_RULE.USERDATA) {
      const comment = userdataComment(attributes.bytes());
      if (comment !== undefined) optional.comment = comment;
    }
  }
  return { family: familyOf(message), table, chain, expressions, ...optional };
}

export function decodeSet(message: NetlinkMessage): SetDefinition {
  return decodeSetDefinition(familyOf(message), attributesOf(message));
}

/** Calls `visit` with each element in the message; the view is valid only until `visit` returns. */
export function visitMessageElements(message: NetlinkMessage, visit: (element: ElementView) => void): void {
  const attributes = attributesOf(message);
  while (attributes.next())
    if (attributes.type === NFTA_SET_ELEM_LIST.ELEMENTS) visitElements(attributes, visit);
}

export function decodeElements(message: NetlinkMessage): SetElement[] {
  const elements: SetElement[] = [];
  visitMessageElements(message, (view) => elements.push(copyElement(view)));
  return elements;
}

export function decodeGeneration(message: NetlinkMessage): Generation {
  const generation: { id: number; processId?: number; processName?: string } = { id: 0 };
  const attributes = attributesOf(message);
  while (attributes.next()) {
    if (attributes.type === NFTA_GEN.ID) generation.id = attributes.u32be();
    else if (attributes.type === NFTA_GEN.PROC_PID) generation.processId = attributes.u32be();
    else if (attributes.type === NFTA_GEN.PROC_NAME) generation.processName = attributes.string();
  }
  return generation;
}

/** The table that a notification is about, without reading the rest of it; undefined for generations. */
export function tableOf(message: NetlinkMessage): Pick<Table, "family" | "name"> | undefined {
  if (message.type >> 8 !== NFNL_SUBSYS_NFTABLES || isNft(message, NFT_MSG.NEWGEN)) return undefined;
  const attributes = attributesOf(message);
  // NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE, NFTA_SET_ELEM_LIST_TABLE: all are 1.
  while (attributes.next())
    if (attributes.type === NFTA_TABLE.NAME) return { family: familyOf(message), name: attributes.string() };
  return undefined;
}
