/** What this process may do: Linux capabilities, read from the kernel rather than guessed from the user id. */
import { readFileSync } from "node:fs";

/** Bit numbers of linux/capability.h. */
const BITS = { NET_BIND_SERVICE: 10, NET_ADMIN: 12, NET_RAW: 13, SYS_ADMIN: 21, BPF: 39 } as const;
export type Capability = keyof typeof BITS;

/**
 * Whether the calling thread has the capability in effect. A root user in a container usually lacks some; they hold
 * for the thread's user namespace, so a call on something outside of it can still be refused.
 */
export function hasCapability(capability: Capability): boolean {
  const status = readFileSync("/proc/thread-self/status", "utf8");
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (effective === undefined) throw new Error("/proc/thread-self/status has no CapEff line");
  return ((BigInt(`0x${effective}`) >> BigInt(BITS[capability])) & 1n) === 1n;
}

/** Whether network namespaces can be made and set up: CAP_SYS_ADMIN to enter them, CAP_NET_ADMIN to fill them. */
export function canUseNetns(): boolean {
  return hasCapability("SYS_ADMIN") && hasCapability("NET_ADMIN");
}
