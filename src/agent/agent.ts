/**
 * The node agent: keeps this machine's data plane true to the Services and EndpointSlices of an API server, ours or
 * any Kubernetes'.
 *
 * The first thing it does to the data plane is one whole sync, when everything is known: a half-known table would
 * take endpoints away. After that each turn of the event loop that brings changes makes one delta.
 */
import type { EndpointSlice } from "../api/endpointslice/type.ts";
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { Service } from "../api/service/type.ts";
import { type Log, silentLog } from "../base/log.ts";
import { backoffDelay, type BackoffOptions, pause } from "../base/backoff.ts";
import type { Client } from "../client/client.ts";
import { createEventRecorder } from "../client/recorder.ts";
import { type Informer, startInformer } from "../client/informer.ts";
import type { DataPlane, SyncReport } from "../dataplane/dataplane.ts";
import { OURS_SELECTOR } from "../dataplane/service-ports.ts";
import { createServiceTracker, type VirtualPortConflict } from "../dataplane/service-table.ts";
import type { ServiceTable } from "../dataplane/table.ts";

const TRIGGER_TIME_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time";

/** One commit to the data plane. Durations in milliseconds. */
export interface Programmed {
  readonly how: "sync" | "delta";
  /** Virtual ports set and removed; of a sync, objects written. */
  readonly written: number;
  /** From the first event that this commit answers to its end. */
  readonly sinceEvent: number;
  /** From the oldest change that the endpoints tell of (annotation last-change-trigger-time) to the commit's end. */
  readonly sinceTrigger: number | undefined;
}

export interface AgentOptions {
  readonly client: Client;
  readonly dataPlane: DataPlane;
  readonly nodeName: string;
  /** The ranges of virtual addresses, "10.96.0.0/16": what is not served in them is refused. */
  readonly serviceRanges: readonly string[];
  readonly log?: Log;
  /** Stops the agent. The data plane is left as it is, and is not disposed. */
  readonly signal: AbortSignal;
  /** Called after each commit, for metrics. */
  readonly onProgrammed?: (programmed: Programmed) => void;
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
  setServiceRanges(ranges: readonly string[]): void;
  /** Resolves when all that has been received so far is committed. */
  settled(): Promise<void>;
}

export function startAgent(options: AgentOptions): Agent {
  const { client, dataPlane, nodeName, signal, log = silentLog } = options;
  const tracker = createServiceTracker();
  const events = createEventRecorder({ client, component: "fairlead-agent", host: nodeName, log });
  const ready = Promise.withResolvers<SyncReport>();
  ready.promise.catch(() => undefined);
  const waiters: (() => void)[] = [];
  let ranges = options.serviceRanges;
  let known = false;
  /** The next commit must be a sync: nothing was committed yet, the last one failed, or the ranges changed. */
  let mustSync = true;
  let failures = 0;
  let scheduled = false;
  /** The commits under way. */
  let running: Promise<void> | undefined;
  /** When the oldest change that is not yet committed was received and when it happened. */
  let receivedAt: number | undefined;
  let triggeredAt: number | undefined;
  let reported = new Set<string>();

  function changed(): void {
    receivedAt ??= performance.now();
    schedule();
  }

  function noteTrigger(time: number | undefined): void {
    if (time !== undefined) triggeredAt = Math.min(triggeredAt ?? time, time);
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
  }

  function wake(): void {
    for (const resolve of waiters.splice(0)) resolve();
  }

  async function commit(): Promise<void> {
    const [received, triggered, how] = [receivedAt, triggeredAt, mustSync ? "sync" : "delta"] as const;
    receivedAt = triggeredAt = undefined;
    mustSync = false;
    try {
      const written = how === "sync" ? await syncAll() : await applyDelta();
      failures = 0;
      reportConflicts();
      if (written === undefined) return;
      options.onProgrammed?.({
        how,
        written,
        sinceEvent: received === undefined ? 0 : performance.now() - received,
        sinceTrigger: triggered === undefined ? undefined : Date.now() - triggered,
      });
    } catch (err) {
      mustSync = true;
      receivedAt = received ?? receivedAt;
      triggeredAt = triggered ?? triggeredAt;
      const delay = backoffDelay(++failures, options.backoff);
      log.error({ err, dataPlane: dataPlane.name, delay }, "programming the data plane failed, trying again");
      await pause(delay, signal);
    }
  }

  async function syncAll(): Promise<number> {
    tracker.take();
    const report = await dataPlane.sync({ ports: new Map(tracker.ports), ranges });
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

  function reportConflicts(): void {
    const now = new Set<string>();
    for (const { key, winner, losers } of tracker.conflicts())
      for (const loser of losers) {
        const conflict = `${key} ${loser}`;
        now.add(conflict);
        const object = reported.has(conflict) ? undefined : services.getByKey(loser);
        if (object === undefined) continue;
        const [address, protocol, port] = key.split("|");
        const message = `${address} port ${port}/${protocol} belongs to the older Service ${winner}: connections go there`;
        log.warn({ key, winner, loser }, message);
        events.record(serviceKind, object, "Warning", "VirtualPortConflict", message);
      }
    reported = now;
  }

  const shared = { client, labelSelector: OURS_SELECTOR, signal, log };
  const services: Informer<Service> = startInformer({ ...shared, kind: serviceKind });
  const slices: Informer<EndpointSlice> = startInformer({ ...shared, kind: endpointSliceKind });
  services.addHandler({
    onAdd(service) {
      tracker.setService(service);
      changed();
    },
    onUpdate(service) {
      tracker.setService(service);
      changed();
    },
    onDelete(service) {
      tracker.removeService(service);
      changed();
    },
  });
  slices.addHandler({
    onAdd(slice) {
      // What was there before us tells of other times.
      if (slices.hasSynced) noteTrigger(triggerTime(slice));
      tracker.setSlice(slice);
      changed();
    },
    onUpdate(slice, old) {
      const [trigger, before] = [triggerTime(slice), triggerTime(old)];
      if (trigger !== undefined && trigger !== before)
        triggeredAt = Math.min(triggeredAt ?? trigger, trigger);
      tracker.setSlice(slice);
      changed();
    },
    onDelete(slice) {
      tracker.removeSlice(slice);
      changed();
    },
  });

  async function run(): Promise<void> {
    try {
      await Promise.all([services.synced, slices.synced]);
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
    table: () => ({ ports: new Map(tracker.ports), ranges }),
    conflicts: () => tracker.conflicts(),
    setServiceRanges(next) {
      ranges = next;
      mustSync = true;
      schedule();
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
