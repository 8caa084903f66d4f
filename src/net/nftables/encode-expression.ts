/** Expressions of a rule as netlink attributes: NFTA_LIST_ELEM { NFTA_EXPR_NAME, NFTA_EXPR_DATA { ... } }. */
import type { NetlinkWriter } from "../netlink/writer.ts";
import { NLA_F_NESTED } from "../netlink/writer.ts";
import { NFTA_DATA, NFTA_EXPR, NFTA_LIST_ELEM, NFTA_VERDICT, VERDICT_CODE } from "./constants.ts";
import {
  CMP_OPS,
  CT_KEYS,
  DIRECTIONS,
  DYNSET_OPS,
  EXPRESSION_NAMES,
  FIB_FLAGS,
  FIB_RESULTS,
  META_KEYS,
  NAT_TYPES,
  NFT_HASH_JENKINS,
  NFT_LOOKUP_F_INV,
  NFTA_BITWISE,
  NFTA_CMP,
  NFTA_COUNTER,
  NFTA_CT,
  NFTA_DYNSET,
  NFTA_FIB,
  NFTA_HASH,
  NFTA_IMMEDIATE,
  NFTA_LOG,
  NFTA_LOOKUP,
  NFTA_MASQ,
  NFTA_META,
  NFTA_NAT,
  NFTA_NG,
  NFTA_PAYLOAD,
  NFTA_REJECT,
  NUMGEN_MODES,
  PAYLOAD_BASES,
  REJECTS,
} from "./expression-attributes.ts";
import type { Expression, Verdict } from "./model.ts";
import { REG_VERDICT } from "./model.ts";

/** Writes one NFTA_LIST_ELEM. */
export function encodeExpression(writer: NetlinkWriter, expression: Expression): void {
  const { type } = expression;
  writer.startNested(NFTA_LIST_ELEM);
  if (type === "unknown") {
    writer.string(NFTA_EXPR.NAME, expression.name);
    writer.bytes(NFTA_EXPR.DATA | NLA_F_NESTED, expression.data);
  } else {
    writer.string(NFTA_EXPR.NAME, EXPRESSION_NAMES[type]);
    writer.startNested(NFTA_EXPR.DATA);
    encodeData(writer, expression);
    writer.endNested();
  }
  writer.endNested();
}

/** NFTA_DATA_VERDICT { CODE, CHAIN }. */
export function encodeVerdict(writer: NetlinkWriter, verdict: Verdict): void {
  writer.startNested(NFTA_DATA.VERDICT);
  writer.u32be(NFTA_VERDICT.CODE, VERDICT_CODE[verdict.code]);
  if ("chain" in verdict) writer.string(NFTA_VERDICT.CHAIN, verdict.chain);
  writer.endNested();
}

function encodeValue(writer: NetlinkWriter, attribute: number, value: Uint8Array): void {
  writer.startNested(attribute).bytes(NFTA_DATA.VALUE, value).endNested();
}

function encodeData(writer: NetlinkWriter, expression: Exclude<Expression, { type: "unknown" }>): void {
  switch (expression.type) {
    case "payload":
      writer.u32be(NFTA_PAYLOAD.DREG, expression.dreg);
      writer.u32be(NFTA_PAYLOAD.BASE, PAYLOAD_BASES[expression.base]);
      writer.u32be(NFTA_PAYLOAD.OFFSET, expression.offset);
      writer.u32be(NFTA_PAYLOAD.LEN, expression.length);
      return;
    case "meta":
      writer.u32be(NFTA_META.KEY, META_KEYS[expression.key]);
      writer.u32be(NFTA_META.DREG, expression.dreg);
      return;
    case "meta set":
      writer.u32be(NFTA_META.KEY, META_KEYS[expression.key]);
      writer.u32be(NFTA_META.SREG, expression.sreg);
      return;
    case "ct":
      writer.u32be(NFTA_CT.KEY, CT_KEYS[expression.key]);
      writer.u32be(NFTA_CT.DREG, expression.dreg);
      if (expression.direction !== undefined) writer.u8(NFTA_CT.DIRECTION, DIRECTIONS[expression.direction]);
      return;
    case "cmp":
      writer.u32be(NFTA_CMP.SREG, expression.sreg);
      writer.u32be(NFTA_CMP.OP, CMP_OPS[expression.op]);
      encodeValue(writer, NFTA_CMP.DATA, expression.value);
      return;
    case "bitwise":
      writer.u32be(NFTA_BITWISE.SREG, expression.sreg);
      writer.u32be(NFTA_BITWISE.DREG, expression.dreg);
      writer.u32be(NFTA_BITWISE.LEN, expression.mask.length);
      encodeValue(writer, NFTA_BITWISE.MASK, expression.mask);
      encodeValue(writer, NFTA_BITWISE.XOR, expression.xor);
      return;
    case "lookup":
      writer.string(NFTA_LOOKUP.SET, expression.set);
      writer.u32be(NFTA_LOOKUP.SREG, expression.sreg);
      if (expression.dreg !== undefined) writer.u32be(NFTA_LOOKUP.DREG, expression.dreg);
      if (expression.invert === true) writer.u32be(NFTA_LOOKUP.FLAGS, NFT_LOOKUP_F_INV);
      return;
    case "immediate":
      writer.u32be(NFTA_IMMEDIATE.DREG, expression.dreg);
      encodeValue(writer, NFTA_IMMEDIATE.DATA, expression.value);
      return;
    case "verdict":
      writer.u32be(NFTA_IMMEDIATE.DREG, REG_VERDICT);
      writer.startNested(NFTA_IMMEDIATE.DATA);
      encodeVerdict(writer, expression.verdict);
      writer.endNested();
      return;
    default:
      encodeStatement(writer, expression);
  }
}

function encodeStatement(
  writer: NetlinkWriter,
  expression: Extract<
    Expression,
    { type: "numgen" | "jhash" | "nat" | "masquerade" | "reject" | "counter" | "fib" | "dynset" | "log" }
  >,
): void {
  switch (expression.type) {
    case "numgen":
      writer.u32be(NFTA_NG.DREG, expression.dreg);
      writer.u32be(NFTA_NG.MODULUS, expression.modulus);
      writer.u32be(NFTA_NG.TYPE, NUMGEN_MODES[expression.mode]);
      writer.u32be(NFTA_NG.OFFSET, expression.offset);
      return;
    case "jhash":
      writer.u32be(NFTA_HASH.SREG, expression.sreg);
      writer.u32be(NFTA_HASH.DREG, expression.dreg);
      writer.u32be(NFTA_HASH.LEN, expression.length);
      writer.u32be(NFTA_HASH.MODULUS, expression.modulus);
      if (expression.seed !== undefined) writer.u32be(NFTA_HASH.SEED, expression.seed);
      if (expression.offset !== 0) writer.u32be(NFTA_HASH.OFFSET, expression.offset);
      writer.u32be(NFTA_HASH.TYPE, NFT_HASH_JENKINS);
      return;
    case "nat":
      writer.u32be(NFTA_NAT.TYPE, NAT_TYPES[expression.kind]);
      writer.u32be(NFTA_NAT.FAMILY, expression.family);
      if (expression.address !== undefined) writer.u32be(NFTA_NAT.REG_ADDR_MIN, expression.address);
      if (expression.port !== undefined) writer.u32be(NFTA_NAT.REG_PROTO_MIN, expression.port);
      if (expression.flags !== undefined) writer.u32be(NFTA_NAT.FLAGS, expression.flags);
      return;
    case "masquerade":
      if (expression.flags !== undefined) writer.u32be(NFTA_MASQ.FLAGS, expression.flags);
      return;
    case "reject": {
      const { type, code } = REJECTS[expression.with];
      writer.u32be(NFTA_REJECT.TYPE, type);
      writer.u8(NFTA_REJECT.ICMP_CODE, code);
      return;
    }
    case "counter":
      if (expression.bytes !== undefined) writer.u64be(NFTA_COUNTER.BYTES, expression.bytes);
      if (expression.packets !== undefined) writer.u64be(NFTA_COUNTER.PACKETS, expression.packets);
      return;
    case "fib":
      writer.u32be(NFTA_FIB.DREG, expression.dreg);
      writer.u32be(NFTA_FIB.RESULT, FIB_RESULTS[expression.result]);
      writer.u32be(
        NFTA_FIB.FLAGS,
        expression.flags.reduce((flags, name) => flags | FIB_FLAGS[name], 0),
      );
      return;
    case "dynset":
      writer.string(NFTA_DYNSET.SET, expression.set);
      writer.u32be(NFTA_DYNSET.OP, DYNSET_OPS[expression.op]);
      writer.u32be(NFTA_DYNSET.SREG_KEY, expression.keySreg);
      if (expression.dataSreg !== undefined) writer.u32be(NFTA_DYNSET.SREG_DATA, expression.dataSreg);
      if (expression.timeout !== undefined) writer.u64be(NFTA_DYNSET.TIMEOUT, BigInt(expression.timeout));
      return;
    case "log":
      writer.u16be(NFTA_LOG.GROUP, expression.group);
      writer.u32be(NFTA_LOG.SNAPLEN, expression.snaplen);
      writer.u16be(NFTA_LOG.QTHRESHOLD, expression.queueThreshold);
      return;
    default:
      expression satisfies never;
  }
}
