/** Requests that read: everything of a kind in a family or a table, the elements of a set, the generation. */
import { NLM_F_DUMP } from "../../sys/netlink-message.ts";
import { NetlinkWriter } from "../netlink/writer.ts";
import { NFT_MSG, NFTA_RULE, NFTA_SET, NFTA_SET_ELEM_LIST, nftType } from "./constants.ts";
import { encodeElementList } from "./elements.ts";
import { startMessage } from "./encode.ts";
import type { Family, SetDefinition } from "./model.ts";

function dump(type: number, family: Family, fill: (writer: NetlinkWriter) => void = () => {}): Uint8Array {
  const writer = startMessage(new NetlinkWriter(256), nftType(type), NLM_F_DUMP, family);
  fill(writer);
  return writer.endMessage().finish();
}

/** All tables of the family. Answers: NFT_MSG_NEWTABLE (decodeTable). */
export function dumpTables(family: Family): Uint8Array {
  return dump(NFT_MSG.GETTABLE, family);
}

/** All chains of the family: the kernel does not filter them by table. Answers: NFT_MSG_NEWCHAIN (decodeChain). */
export function dumpChains(family: Family): Uint8Array {
  return dump(NFT_MSG.GETCHAIN, family);
}

/** The rules of a table, each chain's in order. Answers: NFT_MSG_NEWRULE (decodeRule). */
export function dumpRules(family: Family, table: string, chain?: string): Uint8Array {
  return dump(NFT_MSG.GETRULE, family, (writer) => {
    writer.string(NFTA_RULE.TABLE, table);
    if (chain !== undefined) writer.string(NFTA_RULE.CHAIN, chain);
  });
}

/** The sets of a table. ENOENT if there is no such table. Answers: NFT_MSG_NEWSET (decodeSet). */
export function dumpSets(family: Family, table: string): Uint8Array {
  return dump(NFT_MSG.GETSET, family, (writer) => writer.string(NFTA_SET.TABLE, table));
}

/** The elements of a set. Answers: NFT_MSG_NEWSETELEM (decodeElements, visitMessageElements). */
export function dumpElements(set: Pick<SetDefinition, "family" | "table" | "name">): Uint8Array {
  return dump(NFT_MSG.GETSETELEM, set.family, (writer) =>
    writer.string(NFTA_SET_ELEM_LIST.TABLE, set.table).string(NFTA_SET_ELEM_LIST.SET, set.name),
  );
}

/** One element of a set. ENOENT if it is not there, or its time is over. Answer: NFT_MSG_NEWSETELEM (decodeElements). */
export function getElement(
  set: Pick<SetDefinition, "family" | "table" | "name">,
  key: Uint8Array,
): Uint8Array {
  const writer = startMessage(new NetlinkWriter(256), nftType(NFT_MSG.GETSETELEM), 0, set.family);
  encodeElementList(writer, set.table, set.name, [{ key }], 0, false);
  return writer.endMessage().finish();
}

/** The ruleset's generation. Answer: NFT_MSG_NEWGEN (decodeGeneration). */
export function getGeneration(): Uint8Array {
  return startMessage(new NetlinkWriter(64), nftType(NFT_MSG.GETGEN), 0, 0).endMessage().finish();
}
