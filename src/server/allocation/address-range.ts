/** A range of virtual addresses and its bands. Which addresses are taken is the ledger's to know. */
import { type Cidr, cidrSize } from "../../base/ip.ts";
import { pickFree, staticBandSize } from "./bands.ts";

/** More addresses than anyone has Services: what of a large IPv6 range is given out without being asked for. */
const MOST_NUMBERS = 2n ** 32n;

export class AddressRange {
  readonly cidr: Cidr;
  readonly #size: number;
  readonly #staticEnd: number;
  readonly #random: () => number;

  constructor(cidr: Cidr, random: () => number) {
    this.cidr = cidr;
    const size = cidrSize(cidr);
    this.#size = Number(size < MOST_NUMBERS ? size : MOST_NUMBERS);
    // The band is counted from the first usable address, the second of the range.
    const band = staticBandSize(this.#size, 16, 16, 256);
    this.#staticEnd = band === 0 ? 1 : band + 1;
    this.#random = random;
  }

  contains(address: bigint): boolean {
    const offset = address - this.cidr.base.value;
    return offset >= 0n && offset < cidrSize(this.cidr);
  }

  /** Whether an address of the range can be anybody's: not the network's own, nor IPv4's broadcast address (RFC 919). */
  isUsable(address: bigint): boolean {
    const offset = address - this.cidr.base.value;
    if (offset === 0n) return false;
    return this.cidr.base.family === 6 || offset !== cidrSize(this.cidr) - 1n;
  }

  /** A random free address of one band; undefined when there is none. */
  pick(band: "dynamic" | "static", isFree: (address: bigint) => boolean): bigint | undefined {
    const { base } = this.cidr;
    const last = base.family === 4 ? this.#size - 1 : this.#size;
    const [from, to] = band === "dynamic" ? [this.#staticEnd, last] : [1, this.#staticEnd];
    const offset = pickFree(from, to, (number) => isFree(base.value + BigInt(number)), this.#random);
    return offset === undefined ? undefined : base.value + BigInt(offset);
  }
}
