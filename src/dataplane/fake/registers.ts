/**
 * The registers that a rule's expressions hand their results on in: struct nft_regs of net/netfilter/nf_tables.h.
 *
 * 80 bytes: the verdict, and four 16-byte registers (1-4) that sixteen 4-byte registers (8-23) overlay.
 */
import type { Register } from "../../net/nftables/model.ts";
import { REG_VERDICT } from "../../net/nftables/model.ts";

const WORD = 4;
/** NFT_REG_1 is the fifth word: the verdict takes the first four. */
const FIRST_WORD = 4;
const WORDS = 20;
/** NFT_REG32_00 and NFT_REG32_15. */
const FIRST_SHORT = 8;
const LAST_SHORT = 23;

/** The number of the register's first 4-byte word, or undefined if there is no such register. */
export function registerWord(register: Register): number | undefined {
  if (register >= 1 && register <= 4) return register * 4;
  if (register >= FIRST_SHORT && register <= LAST_SHORT) return register - FIRST_SHORT + FIRST_WORD;
  return undefined;
}

/** Which words `length` bytes from `register` on take, end exclusive; undefined if they do not fit. */
export function registerSpan(register: Register, length: number): readonly [number, number] | undefined {
  const from = registerWord(register);
  if (from === undefined || length <= 0) return undefined;
  const end = from + Math.ceil(length / WORD);
  return end <= WORDS ? [from, end] : undefined;
}

export class Registers {
  readonly #bytes = new Uint8Array(WORDS * WORD);

  /** A copy of `length` bytes. The span was checked when the rule was added (rule-check.ts). */
  read(register: Register, length: number): Uint8Array {
    const start = registerWord(register)! * WORD;
    return this.#bytes.slice(start, start + length);
  }

  /** Stores `value`; the rest of its last word becomes zero, which is what pads the parts of a concatenation. */
  write(register: Register, value: Uint8Array): void {
    if (register === REG_VERDICT) throw new RangeError("register 0 holds a verdict, not bytes");
    const start = registerWord(register)! * WORD;
    const end = start + Math.ceil(value.length / WORD) * WORD;
    this.#bytes.fill(0, start, end);
    this.#bytes.set(value, start);
  }
}
