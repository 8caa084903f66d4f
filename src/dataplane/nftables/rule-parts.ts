/** The parts that rules are made of, for both families. */
import { equals, field, hostBytes, lookup, meta, reg } from "../../net/nftables/expressions.ts";
import { isIpv4, isIpv6 } from "../../net/nftables/expressions.ts";
import { Family, REG_VERDICT } from "../../net/nftables/model.ts";
import type { Chain, Expression, Register, Rule } from "../../net/nftables/model.ts";
import { commentUserdata } from "../../net/nftables/userdata.ts";
import type { IpVersion } from "./sets.ts";
import { byPicker, OURS } from "./sets.ts";

/** The words of an address in 4-byte registers. */
export const WORDS = { 4: 1, 6: 4 } as const;
export const IP = { 4: "ip", 6: "ip6" } as const;
export const isIp: Readonly<Record<IpVersion, () => Expression[]>> = { 4: isIpv4, 6: isIpv6 };
export const NAT_FAMILY: Readonly<Record<IpVersion, typeof Family.ip | typeof Family.ip6>> = {
  4: Family.ip,
  6: Family.ip6,
};

export function regular(name: string, comment: string): Chain {
  return { ...OURS, name, userdata: commentUserdata(comment) };
}

export function rule(
  chain: string,
  expressions: readonly (Expression | readonly Expression[])[],
  comment?: string,
): Rule {
  const flat = expressions.flat();
  return comment === undefined
    ? { ...OURS, chain, expressions: flat }
    : { ...OURS, chain, expressions: flat, comment };
}

/**
 * What a packet was sent to: the address itself, or any of this node's addresses (0.0.0.0 or :: in the key). A zero is
 * written as the address and nothing of it, because nft can show that in a concatenation, and an immediate 0 not.
 */
export type Destination = "address" | "node";

/** Loads address . protocol . port of the packet's destination from register `at` on, {@link keyWords} of them. */
export function destination(version: IpVersion, to: Destination, at = 0): Expression[] {
  const words = WORDS[version];
  const zero = new Uint8Array(4 * words);
  const nothing = { type: "bitwise", sreg: reg(at), dreg: reg(at), mask: zero, xor: zero } as const;
  return [
    field(`${IP[version]} daddr`, reg(at)),
    ...(to === "node" ? [nothing] : []),
    meta("l4proto", reg(at + words)),
    field("th dport", reg(at + words + 1)),
  ];
}

export function keyWords(version: IpVersion): number {
  return WORDS[version] + 2;
}

/**
 * Copies a number that a map gave. The kernel could use that register itself as a part of the next key; but nft up to
 * 1.0.6 at least aborts when it lists that, so the number passes through the packet's mark, which is put back at once:
 * nothing else ever sees it. Uses register `spare`.
 */
export function copyNumber(from: number, to: number, spare: number = from + 1): Expression[] {
  const [number, former] = [reg(from), reg(spare)];
  return [
    meta("mark", former),
    { type: "meta set", key: "mark", sreg: number },
    meta("mark", reg(to)),
    { type: "meta set", key: "mark", sreg: former },
  ];
}

/** Goes to the chain that has the number in register `from`, if there is one. Uses two registers after it. */
export function gotoPicker(from: number): Expression[] {
  return [...copyNumber(from, from + 2), lookup(byPicker.name, reg(from + 2), REG_VERDICT)];
}

/** RTN_LOCAL of linux/rtnetlink.h: the address is one of this host's. */
const RTN_LOCAL = 2;

/** Goes on only if the packet's source or destination is (or, negated, is not) an address of this host. */
export function isLocal(which: "saddr" | "daddr", at: Register, op: "==" | "!=" = "=="): Expression[] {
  return [
    { type: "fib", result: "type", flags: [which], dreg: at },
    { type: "cmp", sreg: at, op, value: hostBytes(RTN_LOCAL) },
  ];
}

const LOOPBACK6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** Goes on only if register 0 holds 127.0.0.0/8 or ::1. */
export function isLoopback(version: IpVersion): Expression[] {
  if (version === 6) return [equals(reg(0), LOOPBACK6)];
  const mask = Uint8Array.of(255, 0, 0, 0);
  return [
    { type: "bitwise", sreg: reg(0), dreg: reg(0), mask, xor: new Uint8Array(4) },
    equals(reg(0), Uint8Array.of(127, 0, 0, 0)),
  ];
}

/**
 * Goes on only if the destination is an address of this node where node ports are served: not ::1, whose packets Linux
 * routes to nobody else whatever they are translated to. Uses registers from `at` on.
 */
export function isNodeAddress(version: IpVersion, at: number): Expression[] {
  const here = isLocal("daddr", reg(at));
  if (version === 4) return here;
  return [field("ip6 daddr", reg(at)), { type: "cmp", sreg: reg(at), op: "!=", value: LOOPBACK6 }, ...here];
}

export function notIn(set: string, sreg: Register): Expression {
  return { type: "lookup", set, sreg, invert: true };
}
