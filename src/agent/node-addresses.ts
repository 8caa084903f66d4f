/**
 * Keeps the addresses in a Node's status what the machine has: a laptop changes networks, DHCP gives another address, and
 * a machine may start us before its network. The kubelet looks as often (nodeStatusUpdateFrequency).
 */
import { nodeKind } from "../api/node/kind.ts";
import type { NodeAddress } from "../api/node/type.ts";
import { pause } from "../base/backoff.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Client } from "../client/client.ts";

/** Between looks, milliseconds. */
const INTERVAL = 10_000;

/** Where a machine that nobody else can reach is reached: from itself. */
const NOWHERE = ["127.0.0.1"];

export interface NodeAddressesOptions {
  readonly client: Client;
  readonly nodeName: string;
  /** The machine's own addresses now. */
  readonly read: () => readonly string[];
  readonly log?: Log;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Resolves after so many milliseconds, or when the signal aborts. @default pause */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** As a Node's status has them, the node's name last. */
export function nodeAddressList(addresses: readonly string[], nodeName: string): NodeAddress[] {
  const found = addresses.length > 0 ? addresses : NOWHERE;
  return [
    ...found.map((address) => ({ type: "InternalIP" as const, address })),
    { type: "Hostname", address: nodeName },
  ];
}

/** From a Node that was registered with what `read` says, until the signal aborts. Never rejects. */
export async function keepNodeAddresses(options: NodeAddressesOptions): Promise<void> {
  const { client, nodeName, read, log = silentLog, signal, wait = pause } = options;
  let told = read().join();
  for (;;) {
    await wait(INTERVAL, signal);
    if (signal.aborted) return;
    const addresses = read();
    if (addresses.join() === told) continue;
    try {
      const patch = { status: { addresses: nodeAddressList(addresses, nodeName) } };
      // A merge patch replaces the whole list.
      await client.patch(nodeKind, { name: nodeName }, "merge", patch, { subresource: "status" });
      log.info({ node: nodeName, addresses }, "this machine's addresses have changed");
      told = addresses.join();
    } catch (err) {
      log.warn(
        { err, node: nodeName },
        "this machine's addresses could not be written to its Node, trying again",
      );
    }
  }
}
