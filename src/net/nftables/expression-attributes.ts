/** The attributes and constants of each expression (NFTA_<EXPRESSION>_* of linux/netfilter/nf_tables.h). */
import type { Expression } from "./model.ts";

type Of<Type extends Expression["type"]> = Extract<Expression, { type: Type }>;

/** The kernel's name of each expression; "verdict" is an immediate into the verdict register. */
export const EXPRESSION_NAMES: Readonly<Record<Exclude<Expression["type"], "unknown">, string>> = {
  payload: "payload",
  meta: "meta",
  "meta set": "meta",
  ct: "ct",
  cmp: "cmp",
  bitwise: "bitwise",
  lookup: "lookup",
  immediate: "immediate",
  verdict: "immediate",
  numgen: "numgen",
  jhash: "hash",
  nat: "nat",
  masquerade: "masq",
  reject: "reject",
  counter: "counter",
  fib: "fib",
  dynset: "dynset",
  log: "log",
};

export const NFTA_PAYLOAD = { DREG: 1, BASE: 2, OFFSET: 3, LEN: 4 } as const;
export const PAYLOAD_BASES: Readonly<Record<Of<"payload">["base"], number>> = {
  link: 0,
  network: 1,
  transport: 2,
};

export const NFTA_META = { DREG: 1, KEY: 2, SREG: 3 } as const;
export const META_KEYS: Readonly<Record<Of<"meta">["key"], number>> = {
  protocol: 1,
  mark: 3,
  iif: 4,
  oif: 5,
  iifname: 6,
  oifname: 7,
  nfproto: 15,
  l4proto: 16,
  pkttype: 19,
};

export const NFTA_CT = { DREG: 1, KEY: 2, DIRECTION: 3 } as const;
export const CT_KEYS: Readonly<Record<Of<"ct">["key"], number>> = {
  state: 0,
  direction: 1,
  status: 2,
  mark: 3,
  protocol: 10,
  "proto dst": 12,
  "src ip": 19,
  "dst ip": 20,
  "src ip6": 21,
  "dst ip6": 22,
};
/** enum ip_conntrack_dir. */
export const DIRECTIONS = { original: 0, reply: 1 } as const;

export const NFTA_CMP = { SREG: 1, OP: 2, DATA: 3 } as const;
export const CMP_OPS: Readonly<Record<Of<"cmp">["op"], number>> = {
  "==": 0,
  "!=": 1,
  "<": 2,
  "<=": 3,
  ">": 4,
  ">=": 5,
};

export const NFTA_BITWISE = { SREG: 1, DREG: 2, LEN: 3, MASK: 4, XOR: 5, OP: 6 } as const;

export const NFTA_LOOKUP = { SET: 1, SREG: 2, DREG: 3, FLAGS: 5 } as const;
export const NFT_LOOKUP_F_INV = 1;

export const NFTA_IMMEDIATE = { DREG: 1, DATA: 2 } as const;

export const NFTA_NG = { DREG: 1, MODULUS: 2, TYPE: 3, OFFSET: 4 } as const;
export const NUMGEN_MODES: Readonly<Record<Of<"numgen">["mode"], number>> = { incremental: 0, random: 1 };

export const NFTA_HASH = { SREG: 1, DREG: 2, LEN: 3, MODULUS: 4, SEED: 5, OFFSET: 6, TYPE: 7 } as const;
export const NFT_HASH_JENKINS = 0;

export const NFTA_NAT = {
  TYPE: 1,
  FAMILY: 2,
  REG_ADDR_MIN: 3,
  REG_ADDR_MAX: 4,
  REG_PROTO_MIN: 5,
  REG_PROTO_MAX: 6,
  FLAGS: 7,
} as const;
export const NAT_TYPES: Readonly<Record<Of<"nat">["kind"], number>> = { snat: 0, dnat: 1 };
/** NF_NAT_RANGE_MAP_IPS and _PROTO_SPECIFIED: the kernel sets them itself where registers are given. */
export const NAT_FLAGS_OF_REGISTERS = 3;

export const NFTA_MASQ = { FLAGS: 1, REG_PROTO_MIN: 2 } as const;

export const NFTA_REJECT = { TYPE: 1, ICMP_CODE: 2 } as const;
/** NFT_REJECT_TCP_RST, and NFT_REJECT_ICMPX_UNREACH with NFT_REJECT_ICMPX_PORT_UNREACH. */
export const REJECTS: Readonly<Record<Of<"reject">["with"], { type: number; code: number }>> = {
  "tcp reset": { type: 1, code: 0 },
  "icmpx port-unreachable": { type: 2, code: 1 },
};

export const NFTA_COUNTER = { BYTES: 1, PACKETS: 2 } as const;

export const NFTA_FIB = { DREG: 1, RESULT: 2, FLAGS: 3 } as const;
export const FIB_RESULTS: Readonly<Record<Of<"fib">["result"], number>> = { oif: 1, oifname: 2, type: 3 };
/** NFTA_FIB_F_*, in the order in which a value lists them. */
export const FIB_FLAGS: Readonly<Record<Of<"fib">["flags"][number], number>> = {
  saddr: 1,
  daddr: 2,
  mark: 4,
  iif: 8,
  oif: 16,
};

export const NFTA_DYNSET = { SET: 1, OP: 3, SREG_KEY: 4, SREG_DATA: 5, TIMEOUT: 6 } as const;
/** NFTA_DYNSET_EXPR and _EXPRESSIONS: statements for each element, which have no value here. */
export const NFTA_DYNSET_STATEMENTS = [7, 10] as const;
export const DYNSET_OPS: Readonly<Record<Of<"dynset">["op"], number>> = { add: 0, update: 1, delete: 2 };

export const NFTA_LOG = { GROUP: 1, PREFIX: 2, SNAPLEN: 3, QTHRESHOLD: 4, LEVEL: 5, FLAGS: 6 } as const;

/** The key of `table` that has `value`. */
export function keyOf<Key extends string>(
  table: Readonly<Record<Key, number>>,
  value: number,
): Key | undefined {
  for (const key in table) if (table[key] === value) return key;
  return undefined;
}
