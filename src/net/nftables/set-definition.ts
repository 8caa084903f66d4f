/** Definitions of sets and maps as netlink attributes, and back. */
import type { AttributeReader } from "../netlink/parser.ts";
import type { NetlinkWriter } from "../netlink/writer.ts";
import {
  NFT_DATA_VERDICT,
  NFT_SET,
  NFTA_LIST_ELEM,
  NFTA_SET,
  NFTA_SET_DESC,
  NFTA_SET_FIELD_LEN,
} from "./constants.ts";
import type { Family, SetDefinition } from "./model.ts";
import { Datatype } from "./model.ts";
import { commentUserdata, userdataComment, userdataRecord } from "./userdata.ts";

type DatatypeName = keyof typeof Datatype;

/** nft shifts the type numbers of a concatenation by this many bits (CONCAT_TYPE_BITS of nftables' datatype.h). */
const CONCAT_TYPE_BITS = 6;
const CONCAT_TYPE_MASK = (1 << CONCAT_TYPE_BITS) - 1;

/** NFTNL_UDATA_SET_KEYBYTEORDER, _DATABYTEORDER and _COMMENT of libnftnl/udata.h. */
const UDATA_KEY_BYTE_ORDER = 0;
const UDATA_DATA_BYTE_ORDER = 1;
const UDATA_COMMENT = 7;

/** enum byteorder of nftables' datatype.h: invalid is said of concatenations, which have none as a whole. */
const BYTE_ORDER = { invalid: 0, host: 1, big: 2 } as const;
const HOST_ORDER_TYPES: ReadonlySet<DatatypeName> = new Set(["mark", "ifname", "integer"]);

/** Bytes of one part of a key in a concatenation, padded to 4. */
const PART_LENGTHS: Readonly<Partial<Record<DatatypeName, number>>> = {
  ipv6_addr: 16,
  ifname: 16,
};

export function encodeSetDefinition(writer: NetlinkWriter, set: SetDefinition, id: number): void {
  writer.string(NFTA_SET.TABLE, set.table);
  writer.string(NFTA_SET.NAME, set.name);
  writer.u32be(NFTA_SET.FLAGS, flagsOf(set));
  writer.u32be(NFTA_SET.KEY_TYPE, datatypeNumber(set.keyTypes));
  writer.u32be(NFTA_SET.KEY_LEN, set.keyLength);
  if (set.kind === "verdict map") {
    writer.u32be(NFTA_SET.DATA_TYPE, NFT_DATA_VERDICT);
    writer.u32be(NFTA_SET.DATA_LEN, 0);
  } else if (set.kind === "map") {
    writer.u32be(NFTA_SET.DATA_TYPE, datatypeNumber(set.dataTypes ?? []));
    writer.u32be(NFTA_SET.DATA_LEN, set.dataLength ?? 0);
  }
  encodeDescription(writer, set);
  writer.u32be(NFTA_SET.ID, id);
  if (set.timeout !== undefined) writer.u64be(NFTA_SET.TIMEOUT, BigInt(set.timeout));
  writer.bytes(NFTA_SET.USERDATA, userdata(set));
}

function isConcatenated(set: SetDefinition): boolean {
  return set.flags.interval === true && set.keyTypes.length > 1;
}

function flagsOf(set: SetDefinition): number {
  const { interval, timeout, dynamic, constant } = set.flags;
  return (
    (set.kind === "set" ? 0 : NFT_SET.MAP) |
    (interval === true ? NFT_SET.INTERVAL : 0) |
    (timeout === true ? NFT_SET.TIMEOUT : 0) |
    (dynamic === true ? NFT_SET.EVAL : 0) |
    (constant === true ? NFT_SET.CONSTANT : 0) |
    (isConcatenated(set) ? NFT_SET.CONCAT : 0)
  );
}

/** The kernel wants the lengths of the parts only to find intervals in each of them. */
function encodeDescription(writer: NetlinkWriter, set: SetDefinition): void {
  if (set.size === undefined && !isConcatenated(set)) return;
  writer.startNested(NFTA_SET.DESC);
  if (set.size !== undefined) writer.u32be(NFTA_SET_DESC.SIZE, set.size);
  if (isConcatenated(set)) {
    writer.startNested(NFTA_SET_DESC.CONCAT);
    for (const type of set.keyTypes)
      writer
        .startNested(NFTA_LIST_ELEM)
        .u32be(NFTA_SET_FIELD_LEN, FIELD_LENGTHS[type] ?? 4)
        .endNested();
    writer.endNested();
  }
  writer.endNested();
}

/** Bytes of one part without padding. */
const FIELD_LENGTHS: Readonly<Partial<Record<DatatypeName, number>>> = {
  ...PART_LENGTHS,
  inet_proto: 1,
  inet_service: 2,
};

/** NFTA_SET_KEY_TYPE: one type's number, or several shifted together, the first uppermost. */
function datatypeNumber(types: readonly DatatypeName[]): number {
  let number = 0;
  for (const type of types) number = number * (1 << CONCAT_TYPE_BITS) + Datatype[type];
  if (number > 0xffffffff) throw new RangeError(`too many types in one key: ${types.join(" . ")}`);
  return number;
}

function datatypeNames(number: number): DatatypeName[] {
  const names: DatatypeName[] = [];
  for (let rest = number; rest > 0; rest = Math.floor(rest / (1 << CONCAT_TYPE_BITS)))
    names.unshift(NAMES.get(rest & CONCAT_TYPE_MASK) ?? "integer");
  return names;
}

const NAMES: ReadonlyMap<number, DatatypeName> = new Map(
  Object.entries(Datatype).map(([name, number]) => [number, name as DatatypeName]),
);

function userdata(set: SetDefinition): Uint8Array {
  const records = [userdataRecord(UDATA_KEY_BYTE_ORDER, byteOrder(set.keyTypes))];
  if (set.kind === "map") records.push(userdataRecord(UDATA_DATA_BYTE_ORDER, byteOrder(set.dataTypes ?? [])));
  if (set.comment !== undefined) records.push(commentUserdata(set.comment, UDATA_COMMENT));
  return Buffer.concat(records);
}

function byteOrder(types: readonly DatatypeName[]): Uint8Array {
  const [only] = types;
  if (types.length !== 1) return Uint8Array.of(BYTE_ORDER.invalid, 0, 0, 0);
  return Uint8Array.of(HOST_ORDER_TYPES.has(only!) ? BYTE_ORDER.host : BYTE_ORDER.big, 0, 0, 0);
}

/** Reads the attributes of NFT_MSG_NEWSET. Types of foreign sets that have no name here are "integer". */
export function decodeSetDefinition(family: Family, attributes: AttributeReader): SetDefinition {
  let table = "";
  let name = "";
  let flags = 0;
  let keyType = 0;
  let keyLength = 0;
  let dataType: number | undefined;
  let dataLength = 0;
  const optional: { size?: number; timeout?: number; comment?: string; handle?: bigint; count?: number } = {};
  while (attributes.next()) {
    if (attributes.type === NFTA_SET.TABLE) table = attributes.string();
    else if (attributes.type === NFTA_SET.NAME) name = attributes.string();
    else if (attributes.type === NFTA_SET.FLAGS) flags = attributes.u32be();
    else if (attributes.type === NFTA_SET.KEY_TYPE) keyType = attributes.u32be();
    else if (attributes.type === NFTA_SET.KEY_LEN) keyLength = attributes.u32be();
    else if (attributes.type === NFTA_SET.DATA_TYPE) dataType = attributes.u32be();
    else if (attributes.type === NFTA_SET.DATA_LEN) dataLength = attributes.u32be();
    else if (attributes.type === NFTA_SET.TIMEOUT) optional.timeout = Number(attributes.u64be());
    else if (attributes.type === NFTA_SET.COUNT) optional.count = attributes.u32be();
    else if (attributes.type === NFTA_SET.HANDLE) optional.handle = attributes.u64be();
    else if (attributes.type === NFTA_SET.DESC) readDescription(attributes.nested(), optional);
    else if (attributes.type === NFTA_SET.USERDATA) {
      const comment = userdataComment(attributes.bytes(), UDATA_COMMENT);
      if (comment !== undefined) optional.comment = comment;
    }
  }
  const definition = { family, table, name, keyTypes: datatypeNames(keyType), keyLength, ...optional };
  const bits = {
    ...((flags & NFT_SET.INTERVAL) === 0 ? {} : { interval: true }),
    ...((flags & NFT_SET.TIMEOUT) === 0 ? {} : { timeout: true }),
    ...((flags & NFT_SET.EVAL) === 0 ? {} : { dynamic: true }),
    ...((flags & NFT_SET.CONSTANT) === 0 ? {} : { constant: true }),
  };
  if ((flags & NFT_SET.MAP) === 0) return { ...definition, kind: "set", flags: bits };
  if (dataType === NFT_DATA_VERDICT) return { ...definition, kind: "verdict map", flags: bits };
  return { ...definition, kind: "map", flags: bits, dataTypes: datatypeNames(dataType ?? 0), dataLength };
}

function readDescription(description: AttributeReader, into: { size?: number }): void {
  while (description.next()) if (description.type === NFTA_SET_DESC.SIZE) into.size = description.u32be();
}
