/**
 * Commands as one nf_tables batch: NFNL_MSG_BATCH_BEGIN, a message or more for each command, NFNL_MSG_BATCH_END.
 * The kernel does all of it at once or nothing.
 */
import {
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REQUEST,
} from "../../sys/netlink-message.ts";
import { NetlinkWriter } from "../netlink/writer.ts";
import {
  NFNL_BATCH_GENID,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG,
  NFTA_CHAIN,
  NFTA_HOOK,
  NFTA_RULE,
  NFTA_SET,
  NFTA_TABLE,
  nftType,
  VERDICT_CODE,
} from "./constants.ts";
import { encodeElementList } from "./elements.ts";
import { encodeExpression } from "./encode-expression.ts";
import type { Chain, Command, Family, Rule, Table } from "./model.ts";
import { encodeSetDefinition } from "./set-definition.ts";
import { commentUserdata } from "./userdata.ts";

export interface BatchOptions {
  /** Do it only if the ruleset's generation is still this one; ERESTART against message 0 otherwise. */
  readonly generation?: number;
  /** Where to write; its former content is lost. @default {a new one} */
  readonly writer?: NetlinkWriter;
}

/**
 * The batch that does `commands` in order. The last command's message asks for an acknowledgement, which comes after
 * the commit; refused messages are always answered. The bytes belong to the writer.
 *
 * Throws RangeError if `commands` is empty or a value does not fit its attribute.
 */
export function encodeBatch(commands: readonly Command[], options: BatchOptions = {}): Uint8Array {
  const writer = (options.writer ?? new NetlinkWriter()).reset();
  // The kernel does not acknowledge BATCH_END before Linux 6.10, so the last command's message has to ask.
  let last = commands.length - 1;
  while (last >= 0 && isEmpty(commands[last]!)) last--;
  if (last < 0) throw new RangeError("a batch without commands changes nothing: do not send it");
  startMessage(writer, NFNL_MSG_BATCH_BEGIN, 0, 0, NFNL_SUBSYS_NFTABLES);
  if (options.generation !== undefined) writer.u32be(NFNL_BATCH_GENID, options.generation);
  writer.endMessage();
  for (let index = 0; index <= last; index++)
    encodeCommand(writer, commands[index]!, index, index === last ? NLM_F_ACK : 0);
  startMessage(writer, NFNL_MSG_BATCH_END, 0, 0, NFNL_SUBSYS_NFTABLES);
  return writer.endMessage().finish();
}

function isEmpty(command: Command): boolean {
  return "elements" in command && command.elements.length === 0;
}

/** nlmsghdr and struct nfgenmsg. */
export function startMessage(
  writer: NetlinkWriter,
  type: number,
  flags: number,
  family: number,
  resource = 0,
): NetlinkWriter {
  return writer
    .startMessage(type, NLM_F_REQUEST | flags)
    .rawU8(family)
    .rawU8(0)
    .rawU16be(resource);
}

/** Writes the messages of one command; `ack` is set on the last of them. `id` names a new set within the batch. */
function encodeCommand(writer: NetlinkWriter, command: Command, id: number, ack: number): void {
  switch (command.op) {
    case "add table":
      start(writer, NFT_MSG.NEWTABLE, NLM_F_CREATE | ack, command.table.family);
      encodeTable(writer, command.table);
      break;
    case "delete table":
      start(writer, NFT_MSG.DELTABLE, ack, command.table.family);
      writer.string(NFTA_TABLE.NAME, command.table.name);
      break;
    case "add chain":
      start(writer, NFT_MSG.NEWCHAIN, NLM_F_CREATE | ack, command.chain.family);
      encodeChain(writer, command.chain);
      break;
    case "delete chain":
      start(writer, NFT_MSG.DELCHAIN, ack, command.chain.family);
      writer.string(NFTA_CHAIN.TABLE, command.chain.table).string(NFTA_CHAIN.NAME, command.chain.name);
      break;
    case "flush chain":
      start(writer, NFT_MSG.DELRULE, ack, command.chain.family);
      writer.string(NFTA_RULE.TABLE, command.chain.table).string(NFTA_RULE.CHAIN, command.chain.name);
      break;
    case "add rule":
      start(writer, NFT_MSG.NEWRULE, NLM_F_CREATE | NLM_F_APPEND | ack, command.rule.family);
      encodeRule(writer, command.rule);
      break;
    case "delete rule":
      start(writer, NFT_MSG.DELRULE, ack, command.rule.family);
      writer.string(NFTA_RULE.TABLE, command.rule.table).string(NFTA_RULE.CHAIN, command.rule.chain);
      writer.u64be(NFTA_RULE.HANDLE, command.rule.handle);
      break;
    case "add set":
      start(writer, NFT_MSG.NEWSET, NLM_F_CREATE | ack, command.set.family);
      encodeSetDefinition(writer, command.set, id + 1);
      break;
    case "delete set":
      start(writer, NFT_MSG.DELSET, ack, command.set.family);
      writer.string(NFTA_SET.TABLE, command.set.table).string(NFTA_SET.NAME, command.set.name);
      break;
    case "add elements":
    case "delete elements":
      encodeElements(writer, command, ack);
      return;
    default:
      command satisfies never;
  }
  writer.endMessage();
}

function start(writer: NetlinkWriter, message: number, flags: number, family: Family): void {
  startMessage(writer, nftType(message), flags, family);
}

function encodeElements(
  writer: NetlinkWriter,
  command: Extract<Command, { op: "add elements" | "delete elements" }>,
  ack: number,
): void {
  const { set, elements } = command;
  const adding = command.op === "add elements";
  // With NLM_F_EXCL an element that is there already is an error: whoever adds it was wrong about the state.
  const [message, flags] = adding ? [NFT_MSG.NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL] : [NFT_MSG.DELSETELEM, 0];
  for (let from = 0; from < elements.length;) {
    const flagsAt = writer.length + 6;
    start(writer, message, flags, set.family);
    from = encodeElementList(writer, set.table, set.name, elements, from, adding);
    writer.endMessage();
    if (from >= elements.length && ack !== 0) writer.finish()[flagsAt]! |= ack;
  }
}

function encodeTable(writer: NetlinkWriter, table: Table): void {
  writer.string(NFTA_TABLE.NAME, table.name).u32be(NFTA_TABLE.FLAGS, table.flags ?? 0);
  if (table.userdata !== undefined) writer.bytes(NFTA_TABLE.USERDATA, table.userdata);
}

function encodeChain(writer: NetlinkWriter, chain: Chain): void {
  writer.string(NFTA_CHAIN.TABLE, chain.table).string(NFTA_CHAIN.NAME, chain.name);
  const { base } = chain;
  if (base !== undefined) {
    writer.startNested(NFTA_CHAIN.HOOK);
    writer.u32be(NFTA_HOOK.HOOKNUM, base.hook).u32be(NFTA_HOOK.PRIORITY, base.priority).endNested();
    writer.u32be(NFTA_CHAIN.POLICY, VERDICT_CODE[base.policy]).string(NFTA_CHAIN.TYPE, base.type);
  }
  if (chain.userdata !== undefined) writer.bytes(NFTA_CHAIN.USERDATA, chain.userdata);
}

function encodeRule(writer: NetlinkWriter, rule: Rule): void {
  writer.string(NFTA_RULE.TABLE, rule.table).string(NFTA_RULE.CHAIN, rule.chain);
  writer.startNested(NFTA_RULE.EXPRESSIONS);
  for (const expression of rule.expressions) encodeExpression(writer, expression);
  writer.endNested();
  if (rule.comment !== undefined) writer.bytes(NFTA_RULE.USERDATA, commentUserdata(rule.comment));
}
