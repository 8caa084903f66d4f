/**
 * Short ways to say the expressions that most rules are made of. Each function gives the list of expressions that it
 * takes, so that a rule is written as a list of lists and reads like the rule that `nft list` shows:
 *
 *     rule([isIpv4(), payload("ip daddr", reg(0)), [lookup("blocked", reg(0))], [verdict("drop")]])
 */
import type { Expression, Register, Verdict } from "./model.ts";

/** NFPROTO_*: the value of `meta nfproto`. */
const NFPROTO = { ipv4: 2, ipv6: 10 } as const;

/** IPPROTO_*: the value of `meta l4proto`. */
export const L4_PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;

/** NF_CT_STATE_BIT of linux/netfilter/nf_conntrack_common.h: bits of `ct state`. */
export const CT_STATE = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 } as const;

/** IPS_*: bits of `ct status`. */
export const CT_STATUS = { seenReply: 2, assured: 4, confirmed: 8, snat: 16, dnat: 32 } as const;

/** Where a header field is: base, offset and length in bytes. */
const FIELD = {
  "ip saddr": ["network", 12, 4],
  "ip daddr": ["network", 16, 4],
  "ip6 saddr": ["network", 8, 16],
  "ip6 daddr": ["network", 24, 16],
  "th sport": ["transport", 0, 2],
  "th dport": ["transport", 2, 2],
} as const;

/** The 4-byte register `index` (0-15), as NFT_REG32_00 to NFT_REG32_15. */
export function reg(index: number): Register {
  if (!Number.isInteger(index) || index < 0 || index > 15)
    throw new RangeError(`nf_tables has the 4-byte registers 0 to 15, not ${index}`);
  return 8 + index;
}

/** `number` in the 4 bytes of a register that the kernel fills itself (marks, masks, numgen): host order. */
export function hostBytes(number: number): Uint8Array {
  return Uint8Array.of(number, number >>> 8, number >>> 16, number >>> 24);
}

/** Loads a header field. The protocol that has the field must be known to be there: {@link isIpv4}, {@link isIpv6}. */
export function field(name: keyof typeof FIELD, dreg: Register): Expression {
  const [base, offset, length] = FIELD[name];
  return { type: "payload", base, offset, length, dreg };
}

/** Loads `meta KEY`. */
export function meta(key: Extract<Expression, { type: "meta" }>["key"], dreg: Register): Expression {
  return { type: "meta", key, dreg };
}

/** Goes on only if the packet is IPv4. Uses register 0. */
export function isIpv4(): Expression[] {
  return [meta("nfproto", reg(0)), equals(reg(0), Uint8Array.of(NFPROTO.ipv4))];
}

/** Goes on only if the packet is IPv6. Uses register 0. */
export function isIpv6(): Expression[] {
  return [meta("nfproto", reg(0)), equals(reg(0), Uint8Array.of(NFPROTO.ipv6))];
}

/** Goes on only if the register holds `value`. */
export function equals(sreg: Register, value: Uint8Array): Expression {
  return { type: "cmp", sreg, op: "==", value };
}

/** Goes on only if one of the bits of `mask` is set in `ct state` or `ct status`. Uses register 0. */
export function ctHas(key: "state" | "status", mask: number): Expression[] {
  return [
    { type: "ct", key, dreg: reg(0) },
    { type: "bitwise", sreg: reg(0), dreg: reg(0), mask: hostBytes(mask), xor: hostBytes(0) },
    { type: "cmp", sreg: reg(0), op: "!=", value: hostBytes(0) },
  ];
}

/** Goes on only if `sreg` is in `set`; with `dreg`, loads what the map has for it. */
export function lookup(set: string, sreg: Register, dreg?: Register): Expression {
  return dreg === undefined ? { type: "lookup", set, sreg } : { type: "lookup", set, sreg, dreg };
}

export function verdict(code: "accept" | "drop" | "continue" | "return"): Expression {
  return { type: "verdict", verdict: { code } };
}

export function jump(chain: string): Expression {
  return { type: "verdict", verdict: { code: "jump", chain } satisfies Verdict };
}

export function goto(chain: string): Expression {
  return { type: "verdict", verdict: { code: "goto", chain } satisfies Verdict };
}
