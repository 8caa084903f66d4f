/** Expressions of a rule from netlink attributes. What this library has no value for becomes "unknown", whole. */
import { NetlinkFormatError } from "../../sys/netlink-message.ts";
import { AttributeReader } from "../netlink/parser.ts";
import { NFTA_DATA, NFTA_EXPR, NFTA_LIST_ELEM, NFTA_VERDICT, VERDICT_CODE } from "./constants.ts";
import * as names from "./expression-attributes.ts";
import { keyOf } from "./expression-attributes.ts";
import type { Expression, Register, Verdict } from "./model.ts";
import { Family, REG_VERDICT } from "./model.ts";

/** The values of one expression's attributes, by the attribute's number. */
type Attributes = ReadonlyMap<number, Uint8Array>;
const decoder = new TextDecoder();

type Decoder = (attributes: Attributes) => Expression | undefined;

/** Reads the NFTA_LIST_ELEMs in `list`. */
export function decodeExpressions(list: AttributeReader): Expression[] {
  const expressions: Expression[] = [];
  while (list.next()) if (list.type === NFTA_LIST_ELEM) expressions.push(decodeExpression(list.nested()));
  return expressions;
}

function decodeExpression(element: AttributeReader): Expression {
  let name = "";
  let data: AttributeReader | undefined;
  let raw: Uint8Array = new Uint8Array();
  while (element.next()) {
    if (element.type === NFTA_EXPR.NAME) name = element.string();
    if (element.type === NFTA_EXPR.DATA) {
      data = element.nested();
      raw = element.bytes();
    }
  }
  const decode = DECODERS[name];
  const known = decode === undefined ? undefined : decode(collect(data));
  return known ?? { type: "unknown", name, data: raw };
}

function collect(reader: AttributeReader | undefined): Attributes {
  const attributes = new Map<number, Uint8Array>();
  while (reader?.next() === true)
    attributes.set(reader.type, reader.buffer.subarray(reader.start, reader.end));
  return attributes;
}

/** `length` bytes of the attribute's value, to read a number from. */
function view(value: Uint8Array, type: number, length: number): DataView {
  if (value.length < length)
    throw new NetlinkFormatError(
      `attribute ${type} has ${value.length} bytes, not ${length}`,
      value.byteOffset,
    );
  return new DataView(value.buffer, value.byteOffset, length);
}

/** The value's number, network order; `missing` if the attribute is not there. */
function number(attributes: Attributes, type: number, missing: number): number {
  const value = attributes.get(type);
  return value === undefined ? missing : view(value, type, 4).getUint32(0);
}

function byte(attributes: Attributes, type: number): number | undefined {
  return attributes.get(type)?.[0];
}

/** The kernel says NFT_REG_1 where NFT_REG32_00 was meant: the names of the same bytes. Ours are the 4-byte ones. */
function register(attributes: Attributes, type: number): Register {
  const said = number(attributes, type, REG_VERDICT);
  return said >= 1 && said <= 4 ? 4 + said * 4 : said;
}

function optionalRegister(attributes: Attributes, type: number): Register | undefined {
  return attributes.has(type) ? register(attributes, type) : undefined;
}

/** NFTA_DATA_VALUE inside the attribute: a copy. */
function value(attributes: Attributes, type: number): Uint8Array | undefined {
  const data = attributes.get(type);
  if (data === undefined) return undefined;
  const inside = new AttributeReader(data);
  while (inside.next()) if (inside.type === NFTA_DATA.VALUE) return inside.bytes();
  return undefined;
}

/** Reads NFTA_DATA_VERDICT's attributes; undefined for codes without a value here (queue, break). */
export function decodeVerdict(reader: AttributeReader): Verdict | undefined {
  let code: number | undefined;
  let chain: string | undefined;
  while (reader.next()) {
    if (reader.type === NFTA_VERDICT.CODE) code = reader.u32be() | 0;
    if (reader.type === NFTA_VERDICT.CHAIN) chain = reader.string();
  }
  const name = code === undefined ? undefined : keyOf(VERDICT_CODE, code);
  if (name === undefined) return undefined;
  if (name !== "jump" && name !== "goto") return { code: name };
  return chain === undefined ? undefined : { code: name, chain };
}

const DECODERS: Readonly<Record<string, Decoder>> = {
  payload(attributes) {
    const A = names.NFTA_PAYLOAD;
    const base = keyOf(names.PAYLOAD_BASES, number(attributes, A.BASE, -1));
    if (base === undefined || !attributes.has(A.DREG)) return undefined;
    const offset = number(attributes, A.OFFSET, 0);
    const length = number(attributes, A.LEN, 0);
    return { type: "payload", base, offset, length, dreg: register(attributes, A.DREG) };
  },
  meta(attributes) {
    const A = names.NFTA_META;
    const key = keyOf(names.META_KEYS, number(attributes, A.KEY, -1));
    if (key === undefined) return undefined;
    if (attributes.has(A.DREG)) return { type: "meta", key, dreg: register(attributes, A.DREG) };
    if (key === "mark" && attributes.has(A.SREG))
      return { type: "meta set", key, sreg: register(attributes, A.SREG) };
    return undefined;
  },
  ct(attributes) {
    const A = names.NFTA_CT;
    const key = keyOf(names.CT_KEYS, number(attributes, A.KEY, -1));
    if (key === undefined || !attributes.has(A.DREG)) return undefined;
    const dreg = register(attributes, A.DREG);
    const said = byte(attributes, A.DIRECTION);
    if (said === undefined) return { type: "ct", key, dreg };
    const direction = keyOf(names.DIRECTIONS, said);
    return direction === undefined ? undefined : { type: "ct", key, direction, dreg };
  },
  cmp(attributes) {
    const A = names.NFTA_CMP;
    const op = keyOf(names.CMP_OPS, number(attributes, A.OP, -1));
    const compared = value(attributes, A.DATA);
    if (op === undefined || compared === undefined) return undefined;
    return { type: "cmp", sreg: register(attributes, A.SREG), op, value: compared };
  },
  bitwise(attributes) {
    const A = names.NFTA_BITWISE;
    const mask = value(attributes, A.MASK);
    const xor = value(attributes, A.XOR);
    if (number(attributes, A.OP, 0) !== 0 || mask === undefined || xor === undefined) return undefined;
    const sreg = register(attributes, A.SREG);
    return { type: "bitwise", sreg, dreg: register(attributes, A.DREG), mask, xor };
  },
  lookup(attributes) {
    const A = names.NFTA_LOOKUP;
    const set = attributes.get(A.SET);
    if (set === undefined) return undefined;
    const dreg = optionalRegister(attributes, A.DREG);
    return {
      type: "lookup",
      set: text(set),
      sreg: register(attributes, A.SREG),
      ...(dreg === undefined ? {} : { dreg }),
      ...((number(attributes, A.FLAGS, 0) & names.NFT_LOOKUP_F_INV) === 0 ? {} : { invert: true }),
    };
  },
  immediate(attributes) {
    const A = names.NFTA_IMMEDIATE;
    const dreg = register(attributes, A.DREG);
    const bytes = value(attributes, A.DATA);
    if (bytes !== undefined) return { type: "immediate", dreg, value: bytes };
    const data = attributes.get(A.DATA);
    if (data === undefined || dreg !== REG_VERDICT) return undefined;
    const inside = new AttributeReader(data);
    const verdict =
      inside.next() && inside.type === NFTA_DATA.VERDICT ? decodeVerdict(inside.nested()) : undefined;
    return verdict === undefined ? undefined : { type: "verdict", verdict };
  },
  numgen(attributes) {
    const A = names.NFTA_NG;
    const mode = keyOf(names.NUMGEN_MODES, number(attributes, A.TYPE, -1));
    if (mode === undefined) return undefined;
    const modulus = number(attributes, A.MODULUS, 0);
    const offset = number(attributes, A.OFFSET, 0);
    return { type: "numgen", mode, modulus, offset, dreg: register(attributes, A.DREG) };
  },
  hash(attributes) {
    const A = names.NFTA_HASH;
    if (number(attributes, A.TYPE, names.NFT_HASH_JENKINS) !== names.NFT_HASH_JENKINS) return undefined;
    return {
      type: "jhash",
      sreg: register(attributes, A.SREG),
      length: number(attributes, A.LEN, 0),
      modulus: number(attributes, A.MODULUS, 0),
      ...(attributes.has(A.SEED) ? { seed: number(attributes, A.SEED, 0) } : {}),
      offset: number(attributes, A.OFFSET, 0),
      dreg: register(attributes, A.DREG),
    };
  },
  nat(attributes) {
    const A = names.NFTA_NAT;
    const kind = keyOf(names.NAT_TYPES, number(attributes, A.TYPE, -1));
    const family = number(attributes, A.FAMILY, 0);
    const address = optionalRegister(attributes, A.REG_ADDR_MIN);
    const port = optionalRegister(attributes, A.REG_PROTO_MIN);
    if (kind === undefined || (family !== Family.ip && family !== Family.ip6)) return undefined;
    // Ranges from one register to another have no value here. The kernel repeats the first where there is no second.
    if ((optionalRegister(attributes, A.REG_ADDR_MAX) ?? address) !== address) return undefined;
    if ((optionalRegister(attributes, A.REG_PROTO_MAX) ?? port) !== port) return undefined;
    const flags = number(attributes, A.FLAGS, 0) & ~names.NAT_FLAGS_OF_REGISTERS;
    return {
      type: "nat",
      kind,
      family,
      ...(address === undefined ? {} : { address }),
      ...(port === undefined ? {} : { port }),
      ...(flags === 0 ? {} : { flags: flags >>> 0 }),
    };
  },
  masq(attributes) {
    const A = names.NFTA_MASQ;
    if (attributes.has(A.REG_PROTO_MIN)) return undefined;
    const flags = number(attributes, A.FLAGS, 0);
    return flags === 0 ? { type: "masquerade" } : { type: "masquerade", flags };
  },
  reject(attributes) {
    const type = number(attributes, names.NFTA_REJECT.TYPE, -1);
    const code = byte(attributes, names.NFTA_REJECT.ICMP_CODE) ?? 0;
    for (const [name, reject] of Object.entries(names.REJECTS))
      if (reject.type === type && (reject.code === code || name === "tcp reset"))
        return { type: "reject", with: name as keyof typeof names.REJECTS };
    return undefined;
  },
  counter(attributes) {
    const bytes = bigNumber(attributes, names.NFTA_COUNTER.BYTES);
    const packets = bigNumber(attributes, names.NFTA_COUNTER.PACKETS);
    return {
      type: "counter",
      ...(packets === undefined ? {} : { packets }),
      ...(bytes === undefined ? {} : { bytes }),
    };
  },
  fib(attributes) {
    const A = names.NFTA_FIB;
    const result = keyOf(names.FIB_RESULTS, number(attributes, A.RESULT, -1));
    const bits = number(attributes, A.FLAGS, 0);
    const flags = (Object.keys(names.FIB_FLAGS) as (keyof typeof names.FIB_FLAGS)[]).filter(
      (name) => (bits & names.FIB_FLAGS[name]) !== 0,
    );
    // NFTA_FIB_F_PRESENT, which asks only whether there is a route, has no value here.
    const known = flags.reduce((sum, name) => sum | names.FIB_FLAGS[name], 0);
    if (result === undefined || bits !== known) return undefined;
    return { type: "fib", result, flags, dreg: register(attributes, A.DREG) };
  },
  dynset(attributes) {
    const A = names.NFTA_DYNSET;
    const set = attributes.get(A.SET);
    const op = keyOf(names.DYNSET_OPS, number(attributes, A.OP, -1));
    if (set === undefined || op === undefined) return undefined;
    if (names.NFTA_DYNSET_STATEMENTS.some((type) => attributes.has(type))) return undefined;
    const dataSreg = optionalRegister(attributes, A.SREG_DATA);
    const timeout = bigNumber(attributes, A.TIMEOUT);
    return {
      type: "dynset",
      op,
      set: text(set),
      keySreg: register(attributes, A.SREG_KEY),
      ...(dataSreg === undefined ? {} : { dataSreg }),
      // The kernel says 0 where there is none.
      ...(timeout === undefined || timeout === 0n ? {} : { timeout: Number(timeout) }),
    };
  },
  log(attributes) {
    const A = names.NFTA_LOG;
    const group = attributes.get(A.GROUP);
    // Without a group it goes to the kernel's own log, which has no value here, as a prefix has none.
    if (group === undefined || attributes.has(A.PREFIX) || attributes.has(A.LEVEL)) return undefined;
    const threshold = attributes.get(A.QTHRESHOLD);
    return {
      type: "log",
      group: view(group, A.GROUP, 2).getUint16(0),
      snaplen: number(attributes, A.SNAPLEN, 0),
      queueThreshold: threshold === undefined ? 0 : view(threshold, A.QTHRESHOLD, 2).getUint16(0),
    };
  },
};

function bigNumber(attributes: Attributes, type: number): bigint | undefined {
  const value = attributes.get(type);
  return value === undefined ? undefined : view(value, type, 8).getBigUint64(0);
}

function text(value: Uint8Array): string {
  const nul = value.indexOf(0);
  return decoder.decode(nul < 0 ? value : value.subarray(0, nul));
}
