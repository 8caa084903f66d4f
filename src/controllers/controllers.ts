/** All control loops, on one set of caches. */
import { type Log, silentLog } from "../base/log.ts";
import type { KubeObject } from "../api/meta/type.ts";
import type { Client } from "../client/client.ts";
import type { Informer } from "../client/informer.ts";
import { createEventRecorder } from "../client/recorder.ts";
import type { WorkDone } from "../base/workqueue.ts";
import type { Controller, ControllerContext, Identity } from "./controller.ts";
import { endpointsController } from "./endpoints/controller.ts";
import { endpointSliceMirroringController } from "./endpointslice-mirroring/controller.ts";
import { endpointSliceController } from "./endpointslice/controller.ts";
import { startIdentityInformers } from "./identity-informers.ts";
import { startSharedInformers } from "./informers.ts";
import { rootCaPublisher } from "./root-ca-publisher/controller.ts";
import { serviceAccountController } from "./serviceaccount/controller.ts";
import { serviceAccountTokenController } from "./serviceaccount-token/controller.ts";

export interface ControllersOptions {
  readonly client: Client;
  /** Stops the loops. What they wrote stays. */
  readonly signal: AbortSignal;
  readonly log?: Log;
  /**
   * Given, each namespace gets its ServiceAccount and the authority's certificate, and Secrets get their tokens. A Kubernetes
   * cluster does this itself.
   * @default none of that
   */
  readonly identity?: Identity;
  /** For metrics: every finished piece of work. */
  readonly onDone?: (controller: string, done: WorkDone) => void;
}

export interface Controllers {
  /** Resolves when all caches are in step and the loops work. Rejects if the signal aborts before. */
  readonly ready: Promise<void>;
  /** Resolves when everything has stopped and no write is under way. */
  readonly done: Promise<void>;
  /** Resolves when no loop has anything to do. What the server has not yet told is not counted. */
  settled(): Promise<void>;
}

/** Starts every loop there is. */
export function startControllers(options: ControllersOptions): Controllers {
  const { client, signal, log = silentLog } = options;
  const informers = startSharedInformers(client, signal, log);
  const events = createEventRecorder({ client, component: "fairlead-controllers", log });
  const context: ControllerContext = {
    client,
    informers,
    events,
    log,
    signal,
    ...(options.onDone !== undefined && { onDone: options.onDone }),
  };
  const controllers: Controller[] = [
    endpointSliceController(context),
    endpointSliceMirroringController(context),
    endpointsController(context),
  ];
  const all: Pick<Informer<KubeObject>, "synced" | "done">[] = Object.values(informers);
  if (options.identity !== undefined) {
    const identity = startIdentityInformers(client, signal, log);
    const identityContext = { ...context, ...options.identity, identity };
    controllers.push(
      serviceAccountController(identityContext),
      rootCaPublisher(identityContext),
      serviceAccountTokenController(identityContext),
    );
    all.push(...Object.values(identity));
  }

  async function start(): Promise<void> {
    await Promise.all(all.map(({ synced }) => synced));
    for (const controller of controllers) controller.start();
    log.info({ controllers: controllers.map(({ name }) => name) }, "the controllers work");
  }

  async function settled(): Promise<void> {
    do await Promise.all(controllers.map(({ queue }) => queue.idle()));
    while (controllers.some(({ queue }) => queue.waiting + queue.active > 0));
  }

  async function end(): Promise<void> {
    await Promise.all(all.map(({ done }) => done));
    await settled();
    await events.flushed();
  }

  const ready = start();
  ready.catch(() => undefined);
  return { ready, done: end(), settled };
}
