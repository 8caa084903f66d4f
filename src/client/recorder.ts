/**
 * Tells people what happened to an object, as v1 Events: `kubectl describe` shows them.
 *
 * What happens again is counted on the Event that is there; many that differ only in their text become one; an object
 * that has too much to say is cut short (client-go tools/record/events_cache.go: the same numbers). Events are a help,
 * not a record: one that cannot be written is logged and dropped.
 */
import { ApiError } from "../api/api-error.ts";
import { eventKind } from "../api/event/kind.ts";
import type { Event, ObjectReference } from "../api/event/type.ts";
import type { KindName } from "../api/kind.ts";
import { apiVersionOf } from "../api/kind.ts";
import type { KubeObject } from "../api/meta/type.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Client } from "./client.ts";

export interface EventRecorderOptions {
  readonly client: Client;
  /** Who tells: "endpointslice-controller". */
  readonly component: string;
  /** On which node. */
  readonly host?: string;
  readonly log?: Log;
  /** Milliseconds since the epoch. @default Date.now */
  readonly clock?: () => number;
}

export interface EventRecorder {
  /** `reason` is one word in CamelCase, for machines; `message` a sentence for people. Returns at once. */
  record(
    kind: KindName,
    object: KubeObject,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
  ): void;
  /** Resolves when all that was recorded is written or dropped. */
  flushed(): Promise<void>;
}

/** So many different texts of one reason, within so many milliseconds of each other, become one Event. */
const SIMILAR_LIMIT = 10;
const SIMILAR_WINDOW = 600_000;
/** An object may have so many Events at once, and after that one in so many milliseconds. */
const BURST = 25;
const REFILL = 300_000;
/** The most objects and Events that are remembered; the oldest are forgotten. */
const REMEMBERED = 4096;

interface Similar {
  readonly messages: Set<string>;
  last: number;
}

interface Allowance {
  tokens: number;
  at: number;
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, component, host, log = silentLog, clock = Date.now } = options;
  /** The Events written, by everything but their count. */
  const written = new Map<string, Event>();
  const similar = new Map<string, Similar>();
  const allowances = new Map<string, Allowance>();
  const source = { component, ...(host !== undefined && { host }) };
  let queue: Promise<void> = Promise.resolve();
  /** Tells events of one millisecond apart. */
  let serial = 0n;

  /** The text to write: the given one, or one that stands for many. */
  function combine(key: string, message: string, now: number): { message: string; combined: boolean } {
    let group = similar.get(key);
    if (group === undefined || now - group.last > SIMILAR_WINDOW) group = { messages: new Set(), last: now };
    remember(similar, key, group);
    group.last = now;
    group.messages.add(message);
    if (group.messages.size < SIMILAR_LIMIT) return { message, combined: false };
    return { message: `(combined from similar events): ${message}`, combined: true };
  }

  function allowed(key: string, now: number): boolean {
    const allowance = allowances.get(key) ?? { tokens: BURST, at: now };
    remember(allowances, key, allowance);
    allowance.tokens = Math.min(BURST, allowance.tokens + (now - allowance.at) / REFILL);
    allowance.at = now;
    if (allowance.tokens < 1) return false;
    allowance.tokens--;
    return true;
  }

  async function write(key: string, event: Event): Promise<void> {
    const known = written.get(key);
    if (known !== undefined)
      try {
        const { message = "", lastTimestamp = "" } = event;
        const patch = { count: (known.count ?? 1) + 1, lastTimestamp, message };
        remember(written, key, await client.patch(eventKind, nameOf(known), "merge", patch));
        return;
      } catch (error) {
        // Events live an hour or so: this one has gone, and a new one is made.
        if (!(error instanceof ApiError && error.code === 404)) throw error;
      }
    remember(written, key, await client.create(eventKind, event));
  }

  return {
    record(kind, object, type, reason, message) {
      const now = clock();
      const involvedObject = reference(kind, object);
      const about = JSON.stringify([
        involvedObject.kind,
        involvedObject.namespace,
        involvedObject.name,
        object.metadata.uid,
      ]);
      if (!allowed(about, now)) {
        log.debug({ object: about, reason, message }, "too many events of one object, dropped");
        return;
      }
      const group = JSON.stringify([about, type, reason]);
      const text = combine(group, message, now);
      serial = (serial + 1n) % 1_000_000n;
      const time = `${new Date(now).toISOString().slice(0, 19)}Z`;
      const event: Event = {
        apiVersion: "v1",
        kind: "Event",
        metadata: {
          // Unique by time, as client-go has it: nanoseconds in hexadecimal.
          name: `${object.metadata.name}.${(BigInt(now) * 1_000_000n + serial).toString(16)}`,
          namespace: object.metadata.namespace ?? "default",
        },
        involvedObject,
        type,
        reason,
        message: text.message,
        source,
        reportingComponent: component,
        reportingInstance: host ?? "",
        firstTimestamp: time,
        lastTimestamp: time,
        count: 1,
      };
      const key = text.combined ? group : JSON.stringify([group, message]);
      queue = queue
        .then(() => write(key, event))
        .catch((err: unknown) => log.warn({ err, reason, message }, "an event could not be written"));
    },
    flushed: () => queue,
  };
}

/** As the newest; the oldest gives way. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > REMEMBERED) map.delete(map.keys().next().value!);
}

function nameOf({ metadata: { namespace, name = "" } }: Event): { namespace?: string; name: string } {
  return { ...(namespace !== undefined && { namespace }), name };
}

function reference(kind: KindName, { metadata }: KubeObject): ObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata;
  return {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}
