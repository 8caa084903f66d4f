/** Which addresses of a range are free: pure bookkeeping. */
import type { Cidr, Ip } from "../../base/ip.ts";
import { cidrAddress, cidrContains, cidrSize, formatCidr, formatIp } from "../../base/ip.ts";

/**
 * Gives addresses one after the other round the range, so that one that was released rests as long as possible:
 * connections and caches of its last owner have time to end.
 */
export class AddressPool {
  readonly range: Cidr;
  readonly #taken = new Set<bigint>();
  /** Offsets from the start of the range, the first and one past the last that are given. */
  readonly #first: bigint;
  readonly #end: bigint;
  #next: bigint;

  /** Never given are the range's first address, the `reserved` ones after it, and in IPv4 the last (broadcast). */
  constructor(range: Cidr, reserved = 0) {
    this.range = range;
    this.#first = 1n + BigInt(reserved);
    this.#end = cidrSize(range) - (range.base.family === 4 ? 1n : 0n);
    if (this.#end <= this.#first)
      throw new RangeError(`${formatCidr(range)} has no room for addresses of pods`);
    this.#next = this.#first;
  }

  /** How many addresses are taken. */
  get size(): number {
    return this.#taken.size;
  }

  /** A free address, taken from now on; undefined if all are taken. */
  allocate(): Ip | undefined {
    const room = this.#end - this.#first;
    if (BigInt(this.#taken.size) >= room) return undefined;
    for (;;) {
      const offset = this.#next;
      this.#next = offset + 1n < this.#end ? offset + 1n : this.#first;
      const address = cidrAddress(this.range, offset);
      if (this.#taken.has(address.value)) continue;
      this.#taken.add(address.value);
      return address;
    }
  }

  /** Takes a known address, of a pod that an earlier run started. False if it is not one to give, or taken. */
  take(address: Ip): boolean {
    if (!cidrContains(this.range, address)) return false;
    const offset = address.value - this.range.base.value;
    if (offset < this.#first || offset >= this.#end || this.#taken.has(address.value)) return false;
    this.#taken.add(address.value);
    this.#next = offset + 1n < this.#end ? offset + 1n : this.#first;
    return true;
  }

  /** Throws if it was not taken: somebody released twice, and the second owner would lose it. */
  release(address: Ip): void {
    if (!this.#taken.delete(address.value)) throw new Error(`${formatIp(address)} was not taken`);
  }
}
