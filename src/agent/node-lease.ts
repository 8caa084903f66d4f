/**
 * A Lease that says that this node is alive, kept as a kubelet keeps it (component-helpers/apimachinery/lease): in
 * kube-node-lease, by the node's name, owned by its Node. `kubectl describe node` shows it.
 */
import { ApiError } from "../api/api-error.ts";
import { leaseKind } from "../api/lease/kind.ts";
import type { Lease } from "../api/lease/type.ts";
import { nodeKind } from "../api/node/kind.ts";
import { backoffDelay, pause } from "../base/backoff.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Client } from "../client/client.ts";

const NAMESPACE = "kube-node-lease";
/** The kubelet's nodeLeaseDurationSeconds; it renews four times as often. */
const DURATION_SECONDS = 40;
const RENEW_INTERVAL = (DURATION_SECONDS * 1000) / 4;
/** The part of the interval that chance may add to it, so that many nodes do not come together. */
const JITTER = 0.04;
/** Between attempts that fail, milliseconds. */
const BACKOFF = { initial: 200, limit: 7000 };

export interface NodeLeaseOptions {
  readonly client: Client;
  readonly nodeName: string;
  readonly log?: Log;
  /** Ends it. The Lease stays, and runs out. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. @default Date.now */
  readonly clock?: () => number;
  /** A number from 0 up to 1. @default Math.random */
  readonly random?: () => number;
  /** Resolves after so many milliseconds, or when the signal aborts. @default pause */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** Renews until the signal aborts. Then it resolves, once nothing is under way; it never rejects. */
export async function keepNodeLease(options: NodeLeaseOptions): Promise<void> {
  const { client, nodeName, log = silentLog, signal } = options;
  const { clock = Date.now, random = Math.random, wait = pause } = options;
  let held: Lease | undefined;
  let failures = 0;
  while (!signal.aborted) {
    let delay = RENEW_INTERVAL * (1 + JITTER * random());
    try {
      held = await renew(client, nodeName, held, microTime(clock()));
      failures = 0;
    } catch (err) {
      held = undefined;
      delay = backoffDelay(++failures, { ...BACKOFF, random });
      log.warn({ err, node: nodeName, delay }, "the Lease of this node could not be renewed, trying again");
    }
    await wait(delay, signal);
  }
}

/** The Lease as it is then. `held` is what the last renewal made of it. Throws ApiError. */
async function renew(client: Client, nodeName: string, held: Lease | undefined, now: string): Promise<Lease> {
  const key = { namespace: NAMESPACE, name: nodeName };
  if (held !== undefined) {
    const renewed = await unlessRefused(client.update(leaseKind, renewedLease(held, nodeName, now)));
    if (renewed !== undefined) return renewed;
    // Somebody else has written or deleted it.
  }
  const found = await unlessRefused(client.get(leaseKind, key));
  const lease: Lease = found ?? { metadata: key };
  const owners = lease.metadata.ownerReferences ?? [];
  // Without its Node there is to be none: it would not go with it.
  const ownerReferences = owners.length > 0 ? owners : [await ownerOf(client, nodeName)];
  const wanted = renewedLease({ ...lease, metadata: { ...lease.metadata, ownerReferences } }, nodeName, now);
  return found === undefined ? client.create(leaseKind, wanted) : client.update(leaseKind, wanted);
}

function renewedLease(lease: Lease, nodeName: string, renewTime: string): Lease {
  const own = { holderIdentity: nodeName, leaseDurationSeconds: DURATION_SECONDS, renewTime };
  return { ...lease, spec: { ...lease.spec, ...own } };
}

async function ownerOf(client: Client, name: string) {
  const { metadata } = await client.get(nodeKind, { name });
  return { apiVersion: "v1", kind: "Node", name, uid: metadata.uid! };
}

/** Undefined if the object is not there, or no more as it was. */
async function unlessRefused<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ApiError && (error.code === 404 || error.code === 409)) return undefined;
    throw error;
  }
}

/** v1 MicroTime: microseconds, of which this clock knows the thousands only. */
function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace("Z", "000Z");
}
