/** The PodNetwork contract: gives each pod an address that others reach it by. */

/** A pod's place in the network. */
export interface PodPlace {
  /** The primary address first, at most one of each IP family. */
  readonly addresses: readonly string[];
  /** The namespace its processes run in; absent: the node's. */
  readonly netns?: string;
}

export interface PodNetwork extends Disposable {
  /** For people: "namespaces on bridge fairlead0, 10.244.0.0/24". */
  readonly description: string;
  /** The node's addresses as pods know them (status.hostIPs), the primary first, at most one of each IP family. */
  readonly hostIPs: readonly string[];
  /** The namespace of the node: where bridges and virtual addresses are. Absent: the caller's. */
  readonly nodeNetns: string | undefined;
  /** Reserves a place, so that it can be recorded before anything is made. undefined: all addresses are taken. */
  reserve(pod: { readonly uid: string; readonly name: string }): PodPlace | undefined;
  /** Reserves the place that an earlier run recorded. False if it cannot be had any more (another range now). */
  restore(place: PodPlace): boolean;
  /** Gives the addresses of a place back. */
  release(place: PodPlace): void;
  /** Makes the place from nothing, taking away what is left of an earlier attempt. */
  attach(uid: string, place: PodPlace): Promise<void>;
  /** Whether the place that an earlier run made is still there. */
  isAttached(place: PodPlace): boolean;
  /** Takes away what {@link attach} made, and ends what still runs in it. Nothing happens if it is not there. */
  detach(uid: string, place: PodPlace): void;
  /** Takes away what is not of a single pod: the bridge. */
  cleanup(): void;
}

/** For pods with hostNetwork: they have the node's addresses and its namespace, and nothing is made for them. */
export function hostNetwork(node: PodNetwork): PodNetwork {
  const { hostIPs, nodeNetns } = node;
  return {
    description: "the node's own network",
    hostIPs,
    nodeNetns,
    reserve: () => ({ addresses: hostIPs, ...(nodeNetns !== undefined && { netns: nodeNetns }) }),
    restore: ({ addresses, netns }) => netns === nodeNetns && addresses[0] === hostIPs[0],
    release: () => {},
    attach: async () => {},
    isAttached: () => true,
    detach: () => {},
    cleanup: () => {},
    [Symbol.dispose]: () => {},
  };
}
