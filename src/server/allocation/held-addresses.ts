/** Addresses that are somebody's beside Services: who has each, and who is told when one becomes nobody's. */
import { canonicalAddress } from "../../base/sloppy-ip.ts";

export class HeldAddresses {
  /** By who has them, in canonical text. */
  readonly #held = new Map<string, readonly string[]>();
  /** Who has an address. Several may: host network Pods of one node share theirs. */
  readonly #holders = new Map<string, Set<string>>();
  /** Told of each address that nobody here has any more. */
  onFree: ((address: string) => void) | undefined;

  /** In place of what `holder` had before, which may be nothing, as may `addresses`. */
  set(holder: string, addresses: Iterable<string>): void {
    const before = this.#held.get(holder) ?? [];
    const now = [...new Set(Array.from(addresses, canonicalAddress))];
    if (now.length === 0) this.#held.delete(holder);
    else this.#held.set(holder, now);
    for (const address of now) {
      const holders = this.#holders.get(address);
      if (holders === undefined) this.#holders.set(address, new Set([holder]));
      else holders.add(holder);
    }
    for (const address of before) if (!now.includes(address)) this.#drop(address, holder);
  }

  /** Who has the address, in canonical text. */
  holder(address: string): string | undefined {
    return this.#holders.get(address)?.values().next().value;
  }

  #drop(address: string, holder: string): void {
    const holders = this.#holders.get(address);
    holders?.delete(holder);
    if (holders === undefined || holders.size > 0) return;
    this.#holders.delete(address);
    this.onFree?.(address);
  }
}
