/** What the kernel really has for a virtual port, read by netlink beside the agent; and how long until it is what it should be. */
import { setTimeout as delay } from "node:timers/promises";
import { ConntrackFamily } from "../../src/net/conntrack/model.ts";
import { Family } from "../../src/net/nftables/model.ts";
import { NetlinkPort } from "../../src/dataplane/nftables/netlink-port.ts";
import type { Target } from "./ports.ts";
import { sharedClock } from "./remote.ts";

const ENDPOINTS = { family: Family.inet, table: "fairlead", name: "endpoints4" } as const;
const INTERVAL = 10;

/** Asked for by many pods at once, so it is read for all of them, and less often. */
const LOOK_INTERVAL = 200;
const UDP = 17;

interface Going {
  readonly address: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly deadline: number;
}

export class ProgrammedEndpoints implements Disposable {
  readonly #port: NetlinkPort;
  #going: Going[] = [];
  #timer: NodeJS.Timeout | undefined;

  private constructor(port: NetlinkPort) {
    this.#port = port;
  }

  static async open(netns: string): Promise<ProgrammedEndpoints> {
    return new ProgrammedEndpoints(await NetlinkPort.open(netns));
  }

  /** Addresses that new connections to `target` are sent to. */
  of({ host, port }: Target): Set<string> {
    const wanted = Buffer.from([...host.split(".").map(Number), port >>> 8, port & 0xff]);
    const found = new Set<string>();
    for (const { key, data } of this.#port.elements(ENDPOINTS)) {
      // Registers of four bytes each: address, protocol, port, slot; and address, port.
      const text = Buffer.concat([key.subarray(0, 4), key.subarray(8, 10)]);
      if (text.equals(wanted)) found.add(addressText(data!));
    }
    return found;
  }

  /** How many milliseconds it took until each of `targets` leads to exactly these. Throws after `limit`. */
  async until(targets: readonly Target[], addresses: ReadonlySet<string>, limit: number): Promise<number> {
    const began = sharedClock();
    for (;;) {
      const wrong = targets.filter((target) => this.of(target).symmetricDifference(addresses).size > 0);
      const took = sharedClock() - began;
      if (wrong.length === 0) return took;
      if (took > limit) {
        const differing = [...this.of(wrong[0]!).symmetricDifference(addresses)].join(", ");
        throw new Error(`not programmed within ${limit} ms: port ${wrong[0]!.port} differs in ${differing}`);
      }
      await delay(INTERVAL);
    }
  }

  /**
   * Resolves when nothing leads to the address any more: no new connection, and no UDP flow that was pinned to it.
   * Rejects after `limit` milliseconds.
   */
  untilGone(address: string, limit: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#going.push({ address, resolve, reject, deadline: sharedClock() + limit });
    this.#timer ??= setInterval(() => this.#look(), LOOK_INTERVAL);
    return promise;
  }

  #look(): void {
    const used = new Set(this.#port.elements(ENDPOINTS).map(({ data }) => addressText(data!)));
    for (const { reply } of this.#port.connections(ConntrackFamily.ipv4, { protocol: UDP }))
      used.add(addressText(reply.source));
    const now = sharedClock();
    this.#going = this.#going.filter(({ address, resolve, reject, deadline }) => {
      if (!used.has(address)) resolve();
      else if (now > deadline) reject(new Error(`${address} is still programmed, or has UDP flows`));
      else return true;
      return false;
    });
    if (this.#going.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#port[Symbol.dispose]();
  }
}

/** The address that bytes begin with. */
function addressText(bytes: Uint8Array): string {
  return bytes.subarray(0, 4).join(".");
}
