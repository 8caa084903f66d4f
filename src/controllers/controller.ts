/** What a control loop is given, and what it gives back. */
import { ApiError } from "../api/api-error.ts";
import type { Log } from "../base/log.ts";
import type { Client } from "../client/client.ts";
import type { EventRecorder } from "../client/recorder.ts";
import { createWorkQueue, type WorkDone, type WorkQueue } from "../base/workqueue.ts";
import type { IdentityInformers } from "./identity-informers.ts";
import type { SharedInformers } from "./informers.ts";

export interface ControllerContext {
  readonly client: Client;
  readonly informers: SharedInformers;
  /** For what the owner of an object should know. */
  readonly events: EventRecorder;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** For metrics: every finished piece of work. */
  readonly onDone?: (controller: string, done: WorkDone) => void;
}

/** What the loops that keep identities need of the server beside its API. */
export interface Identity {
  /** The certificate authority's certificate, PEM. */
  readonly ca: string;
  /** Signs the token that a Secret is to hold. */
  readonly issueLegacyToken: (
    namespace: string,
    account: { readonly name: string; readonly uid: string },
    secretName: string,
  ) => Promise<string>;
}

export interface IdentityContext extends ControllerContext, Identity {
  readonly identity: IdentityInformers;
}

/**
 * A loop has three parts: what it watches (handlers that put keys in its queue), what it wants (a pure function of
 * the caches), and what it writes (the differences). It only ever reads the caches and writes through the client.
 */
export interface Controller {
  readonly name: string;
  readonly queue: WorkQueue;
  /** Puts everything in the queue. Called once, when all informers are in step. */
  start(): void;
}

export interface ControllerQueue {
  readonly queue: WorkQueue;
  /** For handlers. Dropped before {@link open}: the caches are not in step yet, and start() queues everything. */
  readonly enqueue: (key: string) => void;
  /** Called by the controller's start(). */
  readonly open: () => void;
}

/** The queue of the controller called `name`, which does `work` for each key. */
export function createControllerQueue(
  name: string,
  { log, signal, onDone }: ControllerContext,
  work: (key: string) => Promise<void>,
): ControllerQueue {
  let isOpen = false;
  const queue = createWorkQueue({ name, work, log, signal, onDone: (done) => onDone?.(name, done) });
  return {
    queue,
    enqueue(key) {
      if (isOpen) queue.add(key);
    },
    open() {
      isOpen = true;
    },
  };
}

/** The object is gone already: who wanted it deleted has what he wanted. */
export function ignoreNotFound(error: unknown): void {
  if (!(error instanceof ApiError && error.code === 404)) throw error;
}

/** Nothing can be created in a namespace that is being deleted, and nothing needs to be (NamespaceTerminatingCause). */
export function isNamespaceTerminating(error: unknown): boolean {
  if (!(error instanceof ApiError) || error.code !== 403) return false;
  return error.status.details?.causes?.some(({ reason }) => reason === "NamespaceTerminating") ?? false;
}

/** Creating in a namespace that is going is refused, and wanted no more. */
export function ignoreNamespaceTerminating(error: unknown): void {
  if (!isNamespaceTerminating(error)) throw error;
}
