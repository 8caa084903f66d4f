/**
 * The node agent: keeps this machine's data plane true to the Services and EndpointSlices of an API server, ours or
 * any Kubernetes'.
 *
 * The first thing it does to the data plane is one whole sync, when everything is known: a half-known table would
 * take endpoints away. After that each turn of the event loop that brings changes makes one delta.
 */
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import {
  type EndpointSlice,
  SERVICE_NAME_LABEL,
  TRIGGER_TIME_ANNOTATION,
} from "../api/endpointslice/type.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { Service } from "../api/service/type.ts";
import { ApiError } from "../api/api-error.ts";
import { type Log, silentLog } from "../base/log.ts";
import { backoffDelay, type BackoffOptions, pause } from "../base/backoff.ts";
import { Turns } from "../base/turns.ts";
import type { Client } from "../client/client.ts";
import { createEventRecorder } from "../client/recorder.ts";
import { type Informer, startInformer } from "../client/informer.ts";
import type { DataPlane, SyncReport } from "../dataplane/dataplane.ts";
import { OURS_SELECTOR } from "../dataplane/service-ports.ts";
import type { HealthCheckPorts } from "../dataplane/health-check-ports.ts";
import { createNeededFields } from "../dataplane/needed-fields.ts";
import type { NodeView } from "../dataplane/node-view.ts";
import { createServiceTracker, type VirtualPortConflict } from "../dataplane/service-table.ts";
import type { ServiceTable } from "../dataplane/table.ts";
import { createServiceReports } from "./service-reports.ts";

/** What was changed so many milliseconds before the start, or less, may be told of for the first time after it. */
const NEWS_AGE = 60_000;

/** Services that are made into a whole table before it is asked whether others should have the event loop: a millisecond. */
const TAKEN_AT_ONCE = 100;

/** One commit to the data plane. Durations in milliseconds. */
export interface Programmed {
  readonly how: "sync" | "delta";
  /** Virtual ports set and removed; of a sync, objects written. */
  readonly written: number;
  /** From the first event that this commit answers to its end. */
  readonly sinceEvent: number;
  /** Of the call to the data plane. */
  readonly duration: number;
  /**
   * From each change that the endpoints tell of (annotation last-change-trigger-time) to the commit's end: what
   * Kubernetes calls the network programming latency.
   */
  readonly sinceTriggers: readonly number[];
}

/** Everything of the table but its ports. */
export type Ranges = Omit<ServiceTable, "ports">;

export interface AgentOptions {
  readonly client: Client;
  readonly dataPlane: DataPlane;
  readonly nodeName: string;
  readonly ranges: Ranges;
  /** Whether the client's server may know WatchList: informers then begin with it. @default {false} */
  readonly watchList?: boolean;
  /** Between attempts while the server fails. */
  readonly serverBackoff?: BackoffOptions;
  /**
   * Called when the Services are known. Nothing is programmed before it resolves: what is to be known of the node first.
   * @default {at once}
   */
  readonly after?: () => Promise<void>;
  readonly log?: Log;
  /** Stops the agent. The data plane is left as it is, and is not disposed. */
  readonly signal: AbortSignal;
  /** Called after each commit, for metrics. */
  readonly onProgrammed?: (programmed: Programmed) => void;
  /** Called with each change that is received, and when something must be programmed for another reason. */
  readonly onQueued?: (what: "service" | "endpoints" | "node") => void;
  /** Called when all that is known is programmed, or needed no programming. */
  readonly onCaughtUp?: () => void;
  /** Called when a commit has failed; it is tried again. */
  readonly onFailed?: (error: unknown) => void;
  /** Called when what load balancers are to be told has changed, once that is programmed. */
  readonly onHealthChecks?: (ports: HealthCheckPorts) => void;
  /** Between attempts while the data plane refuses. */
  readonly backoff?: BackoffOptions;
}

export interface Agent {
  /** Resolves after the first sync. Rejects if the signal aborts before. */
  readonly ready: Promise<SyncReport>;
  /** Resolves when the agent has stopped and no call to the data plane is under way. */
  readonly done: Promise<void>;
  /** What the data plane was last told. */
  table(): ServiceTable;
  /** Virtual ports that more than one Service wants. */
  conflicts(): readonly VirtualPortConflict[];
  /** How many Services are followed. */
  services(): number;
  /** A Warning about a Service ("namespace/name"), as an Event. */
  report(service: string, reason: string, message: string): void;
  /** Those that are given; the others stay. */
  setRanges(ranges: Partial<Ranges>): void;
  setNode(node: NodeView): void;
  /** Milliseconds since the server sent anything; undefined: not yet. */
  silence(): number | undefined;
  /** Resolves when all that has been received so far is committed. */
  settled(): Promise<void>;
}

export function startAgent(options: AgentOptions): Agent {
  const { client, dataPlane, nodeName, signal, log = silentLog } = options;
  const tracker = createServiceTracker({ node: { name: nodeName } });
  const events = createEventRecorder({ client, component: "fairlead-agent", host: nodeName, log });
  const ready = Promise.withResolvers<SyncReport>();
  ready.promise.catch(() => undefined);
  const waiters: (() => void)[] = [];
  let { ranges } = options;
  let known = false;
  /** The next commit must be a sync: nothing was committed yet, the last one failed, or the ranges changed. */
  let mustSync = true;
  let failures = 0;
  let scheduled = false;
  /** The commits under way. */
  let running: Promise<void> | undefined;
  /** When the oldest change that is not yet committed was received, and when each of them happened. */
  let receivedAt: number | undefined;
  let triggers: number[] = [];
  let healthChecks: HealthCheckPorts | undefined;

  function changed(what: "service" | "endpoints" | "node"): void {
    receivedAt ??= performance.now();
    options.onQueued?.(what);
    schedule();
  }

  function schedule(): void {
    if (!known || scheduled || running !== undefined || signal.aborted) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      running = commitAll().then(() => {
        running = undefined;
        // What came between the last look and here.
        if (pending()) schedule();
        wake();
      });
    });
  }

  function pending(): boolean {
    return mustSync || receivedAt !== undefined;
  }

  async function commitAll(): Promise<void> {
    while (!signal.aborted && pending()) await commit();
    if (!pending()) options.onCaughtUp?.();
  }

  function wake(): void {
    for (const resolve of waiters.splice(0)) resolve();
  }

  async function commit(): Promise<void> {
    const [received, triggered, how] = [receivedAt, triggers, mustSync ? "sync" : "delta"] as const;
    receivedAt = undefined;
    triggers = [];
    mustSync = false;
    const began = performance.now();
    try {
      const written = how === "sync" ? await syncAll() : await applyDelta();
      failures = 0;
      reports.look();
      tellHealthChecks();
      if (written === undefined) return;
      const [ended, now] = [performance.now(), Date.now()];
      options.onProgrammed?.({
        how,
        written,
        sinceEvent: received === undefined ? 0 : ended - received,
        duration: ended - began,
        sinceTriggers: triggered.map((time) => now - time),
      });
    } catch (err) {
      mustSync = true;
      receivedAt = received ?? receivedAt;
      triggers = [...triggered, ...triggers];
      const delay = backoffDelay(++failures, options.backoff);
      log.error({ err, dataPlane: dataPlane.name, delay }, "programming the data plane failed, trying again");
      options.onFailed?.(err);
      await pause(delay, signal);
    }
  }

  async function syncAll(): Promise<number> {
    const turns = new Turns();
    while (tracker.changed > 0) {
      tracker.take(TAKEN_AT_ONCE);
      if (turns.over) await turns.next();
    }
    const report = await dataPlane.sync({ ports: new Map(tracker.ports), ...ranges });
    log.info({ node: nodeName, dataPlane: dataPlane.name, ...report }, "the data plane is in step");
    ready.resolve(report);
    return report.written;
  }

  /** undefined: there was nothing to do. */
  async function applyDelta(): Promise<number | undefined> {
    const delta = tracker.take();
    const size = delta.set.length + delta.remove.length;
    if (size === 0) return undefined;
    await dataPlane.apply(delta);
    return size;
  }

  let rightsSaid = false;
  /** Without the right to list these nothing can be done: said loudly, and once. */
  function sayRights(err: unknown): void {
    if (!(err instanceof ApiError && err.code === 403) || rightsSaid) return;
    rightsSaid = true;
    log.error(
      { err },
      "the API server refuses: bind the ClusterRole of deploy/fairlead-agent.yaml to this user; trying again",
    );
  }

  /** Only what is programmed is told: a load balancer would send connections at once. */
  function tellHealthChecks(): void {
    const now = tracker.healthCheckPorts();
    if (now === healthChecks) return;
    healthChecks = now;
    options.onHealthChecks?.(now);
  }

  const shared = {
    client,
    labelSelector: OURS_SELECTOR,
    signal,
    log,
    watchList: options.watchList ?? false,
    ...(options.serverBackoff !== undefined && { backoff: options.serverBackoff }),
    onFailure: sayRights,
  };
  const needed = createNeededFields({ nodeName, since: Date.now() - NEWS_AGE });
  const services: Informer<Service> = startInformer({
    ...shared,
    kind: serviceKind,
    transform: needed.service,
  });
  const slices: Informer<EndpointSlice> = startInformer({
    ...shared,
    kind: endpointSliceKind,
    transform: needed.slice,
  });
  const reports = createServiceReports({
    tracker,
    serviceByKey: (key) => services.getByKey(key),
    events,
    log,
  });
  services.addHandler({
    onAdd(service) {
      tracker.setService(service);
      changed("service");
    },
    onUpdate(service) {
      tracker.setService(service);
      changed("service");
    },
    onDelete(service) {
      tracker.removeService(service);
      changed("service");
    },
  });
  slices.addHandler({
    onAdd(slice) {
      // What was there before us tells of other times.
      const trigger = slices.hasSynced ? triggerTime(slice) : undefined;
      if (trigger !== undefined) triggers.push(trigger);
      tracker.setSlice(slice);
      changed("endpoints");
    },
    onUpdate(slice, old) {
      const [trigger, before] = [triggerTime(slice), triggerTime(old)];
      if (trigger !== undefined && trigger !== before) triggers.push(trigger);
      if (slice.metadata.labels?.[SERVICE_NAME_LABEL] !== old.metadata.labels?.[SERVICE_NAME_LABEL])
        tracker.removeSlice(old);
      tracker.setSlice(slice);
      changed("endpoints");
    },
    onDelete(slice) {
      tracker.removeSlice(slice);
      changed("endpoints");
    },
  });

  async function run(): Promise<void> {
    try {
      await Promise.all([services.synced, slices.synced]);
      await options.after?.();
      known = true;
      schedule();
      await Promise.all([services.done, slices.done]);
    } catch (error) {
      // The only reason not to become synced is the signal.
      if (!signal.aborted) throw error;
    }
    ready.reject(signal.reason);
    await running;
    await events.flushed();
    wake();
  }

  function isSettled(): boolean {
    return running === undefined && (signal.aborted || (known && !pending()));
  }

  async function settled(): Promise<void> {
    while (!isSettled()) await new Promise<void>((resolve) => waiters.push(resolve));
  }

  return {
    ready: ready.promise,
    done: run(),
    table: () => ({ ports: new Map(tracker.ports), ...ranges }),
    conflicts: () => tracker.conflicts(),
    services: () => services.list().size,
    report(service, reason, message) {
      const object = services.getByKey(service);
      if (object !== undefined) events.record(serviceKind, object, "Warning", reason, message);
    },
    setRanges(next) {
      ranges = { ...ranges, ...next };
      mustSync = true;
      changed("node");
    },
    setNode(node) {
      tracker.setNode(node);
      if (tracker.changed > 0) changed("node");
    },
    silence() {
      const heard = [services.heardAt, slices.heardAt].filter((time) => time !== undefined);
      return heard.length === 0 ? undefined : performance.now() - Math.max(...heard);
    },
    settled,
  };
}

/** Milliseconds since the epoch. */
function triggerTime(slice: EndpointSlice): number | undefined {
  const text = slice.metadata.annotations?.[TRIGGER_TIME_ANNOTATION];
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
