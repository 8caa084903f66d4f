/**
 * Keeps what a Node says of its addresses what the machine has, those in its status and those that others do not reach it
 * by, which are no Service's either (HOST_ADDRESSES_ANNOTATION): a laptop changes networks, DHCP gives another address, and
 * a machine may start us before its network. The kubelet looks as often (nodeStatusUpdateFrequency).
 */
import { HOST_ADDRESSES_ANNOTATION } from "../api/node/host-addresses.ts";
import { nodeKind } from "../api/node/kind.ts";
import type { NodeAddress } from "../api/node/type.ts";
import { pause } from "../base/backoff.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Client } from "../client/client.ts";

/** Between looks, milliseconds. */
const INTERVAL = 10_000;

/** Where a machine that nobody else can reach is reached: from itself. */
const NOWHERE = ["127.0.0.1"];

export interface MachineAddresses {
  /** By which others reach it. */
  readonly reached: readonly string[];
  /** These and all others, but loopback's and link-local ones. */
  readonly all: readonly string[];
}

export interface NodeAddressesOptions {
  readonly client: Client;
  readonly nodeName: string;
  /** What its Node says. */
  readonly registered: MachineAddresses;
  /** The machine's own addresses now. */
  readonly read: () => MachineAddresses | Promise<MachineAddresses>;
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

/** As the Node's annotation has those that its status has not. */
export function hostAddressesText({ reached, all }: MachineAddresses): string {
  return all
    .filter((address) => !reached.includes(address))
    .sort()
    .join(",");
}

/** From a Node that was registered with what is `registered`, until the signal aborts. Never rejects. */
export async function keepNodeAddresses(options: NodeAddressesOptions): Promise<void> {
  const { client, nodeName, registered, read, log = silentLog, signal, wait = pause } = options;
  const name = { name: nodeName };
  let told = registered.reached.join();
  let toldOthers = hostAddressesText(registered);
  for (;;) {
    await wait(INTERVAL, signal);
    if (signal.aborted) return;
    try {
      const now = await read();
      const others = hostAddressesText(now);
      if (now.reached.join() !== told) {
        const patch = { status: { addresses: nodeAddressList(now.reached, nodeName) } };
        // A merge patch replaces the whole list.
        await client.patch(nodeKind, name, "merge", patch, { subresource: "status" });
        log.info({ node: nodeName, addresses: now.reached }, "this machine's addresses have changed");
        told = now.reached.join();
      }
      if (others !== toldOthers) {
        const patch = { metadata: { annotations: { [HOST_ADDRESSES_ANNOTATION]: others } } };
        await client.patch(nodeKind, name, "merge", patch);
        toldOthers = others;
      }
    } catch (err) {
      log.warn(
        { err, node: nodeName },
        "this machine's addresses could not be written to its Node, trying again",
      );
    }
  }
}
