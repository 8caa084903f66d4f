/** Events are kept for an hour after their last write (kube-apiserver --event-ttl). */
import { eventKind } from "../../api/event/kind.ts";
import type { Event } from "../../api/event/type.ts";
import { type ExpiryOptions, startExpiry } from "./expiry.ts";

/** Milliseconds. */
const EVENT_LIFETIME = 3_600_000;

export async function startEventExpiry(
  parts: Pick<ExpiryOptions<Event>, "store" | "clock" | "log">,
  lifetime: number = EVENT_LIFETIME,
): Promise<AsyncDisposable> {
  return startExpiry({ ...parts, kind: eventKind, lifetime, lastWritten: eventLastWritten });
}

/** The latest of the times in an Event that are set when it is written. */
export function eventLastWritten({ metadata, lastTimestamp, series }: Event): number {
  const times = [
    metadata.creationTimestamp,
    lastTimestamp,
    series?.lastObservedTime,
    ...(metadata.managedFields ?? []).map(({ time }) => time),
  ];
  return Math.max(0, ...times.map((time) => (time === undefined ? 0 : Date.parse(time))));
}
