/**
 * Tells which addresses are no Pod's of this node any more: who comes with one of them later is another client. Only Pods that
 * go while this runs are told; others are forgotten when their time is over.
 */
import { podAddresses } from "../api/pod/addresses.ts";
import { hasEnded } from "../api/pod/ended.ts";
import { podKind } from "../api/pod/kind.ts";
import type { Pod } from "../api/pod/type.ts";
import type { Log } from "../base/log.ts";
import type { Client } from "../client/client.ts";
import { startInformer } from "../client/informer.ts";
import { neededOfPod } from "./dns-needed-fields.ts";

export interface GoneClientsOptions {
  readonly client: Client;
  readonly nodeName: string;
  readonly onGone: (addresses: readonly string[]) => void;
  readonly log: Log;
  /** Ends it. */
  readonly signal: AbortSignal;
}

export function followGoneClients(options: GoneClientsOptions): {
  readonly synced: Promise<void>;
  readonly done: Promise<void>;
} {
  const { client, nodeName, onGone, log, signal } = options;
  /** How many Pods have each: those of the host's network share its. */
  const held = new Map<string, number>();
  const pods = startInformer({
    client,
    kind: podKind,
    fieldSelector: `spec.nodeName=${nodeName}`,
    transform: neededOfPod,
    log,
    signal,
  });
  const hold = (pod: Pod): void => {
    for (const address of addressesOf(pod)) held.set(address, (held.get(address) ?? 0) + 1);
  };
  const release = (pod: Pod): string[] =>
    addressesOf(pod).filter((address) => {
      const left = (held.get(address) ?? 1) - 1;
      if (left > 0) held.set(address, left);
      else held.delete(address);
      return left <= 0;
    });
  const tell = (addresses: readonly string[]): void => {
    const gone = addresses.filter((address) => !held.has(address));
    if (gone.length > 0) onGone(gone);
  };
  pods.addHandler({
    onAdd: hold,
    onUpdate(pod, old) {
      const released = release(old);
      hold(pod);
      tell(released);
    },
    onDelete: (pod) => tell(release(pod)),
  });
  // Nobody has to wait for it.
  pods.synced.catch(() => undefined);
  return { synced: pods.synced, done: pods.done };
}

/** None of a Pod that has ended, and none of the host's network, where others are behind the address, too. */
function addressesOf(pod: Pod): readonly string[] {
  return hasEnded(pod) || pod.spec?.hostNetwork === true ? [] : podAddresses(pod);
}
