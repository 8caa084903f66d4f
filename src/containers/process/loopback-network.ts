/**
 * Pods without root: each has an address of 127.0.0.0/8, where every address is local on Linux without being set up.
 *
 * The processes share the machine's network, so a pod must listen on its own address (POD_IP) for others to be able
 * to use the same port. A process that listens on 0.0.0.0 answers for all of them.
 */
import { cidr, formatIp, ip } from "../../base/ip.ts";
import { AddressPool } from "./address-pool.ts";
import type { PodNetwork } from "./network.ts";

export const LOOPBACK_POD_CIDR = "127.244.0.0/24";

/** Throws RangeError if `podCidr` is no range inside of 127.0.0.0/8. */
export function loopbackNetwork(podCidr: string = LOOPBACK_POD_CIDR): PodNetwork {
  const range = cidr(podCidr);
  if (range.base.family !== 4 || range.base.value >> 24n !== 127n || range.length < 8)
    throw new RangeError(
      `pods without network namespaces need a range inside of 127.0.0.0/8, not ${podCidr}`,
    );
  const pool = new AddressPool(range);
  return {
    description: `loopback addresses ${podCidr}`,
    hostIPs: ["127.0.0.1"],
    nodeNetns: undefined,
    reserve: () => {
      const address = pool.allocate();
      return address && { addresses: [formatIp(address)] };
    },
    restore: ({ addresses: [address], netns }) =>
      netns === undefined && address !== undefined && pool.take(ip(address)),
    release: ({ addresses }) => {
      for (const address of addresses) pool.release(ip(address));
    },
    attach: async () => {},
    isAttached: () => true,
    detach: () => {},
    cleanup: () => {},
    [Symbol.dispose]: () => {},
  };
}
