/** Which addresses are this machine's own: for telling its clients from those of other machines. */
import { networkInterfaces } from "node:os";
import { callInNetns } from "../../sys/netns.ts";

/** Interfaces come and go, and asking the system takes as long as a few connections. */
const FRESH_MS = 1000;

export class HostAddresses {
  #addresses: ReadonlySet<string> = new Set();
  #readAt = -Infinity;
  readonly #now: () => number;

  readonly #netns: string | undefined;

  constructor(now: () => number, netns?: string) {
    this.#netns = netns;
    this.#now = now;
  }

  has(address: string): boolean {
    // All of 127.0.0.0/8 is this host (RFC 1122, section 3.2.1.3), whether or not an interface lists it.
    if (address.startsWith("127.") || address === "::1") return true;
    const now = this.#now();
    if (now - this.#readAt > FRESH_MS) {
      this.#readAt = now;
      const all = Object.values(callInNetns(this.#netns, networkInterfaces)).flatMap((list) => list ?? []);
      this.#addresses = new Set(all.map(({ address: own }) => own));
    }
    return this.#addresses.has(address);
  }
}
