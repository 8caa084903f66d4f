/** v1 Event and events.k8s.io/v1 Event are one thing under two sets of names (pkg/apis/events/v1/conversion.go). */
import type { Event as CoreEvent } from "../event/type.ts";
import type { Event } from "./type.ts";

/** The name of each field in events.k8s.io/v1, and in v1. */
const NAMES: readonly (readonly [keyof Event, keyof CoreEvent])[] = [
  ["metadata", "metadata"],
  ["eventTime", "eventTime"],
  ["series", "series"],
  ["reportingController", "reportingComponent"],
  ["reportingInstance", "reportingInstance"],
  ["action", "action"],
  ["reason", "reason"],
  ["regarding", "involvedObject"],
  ["related", "related"],
  ["note", "message"],
  ["type", "type"],
  ["deprecatedSource", "source"],
  ["deprecatedFirstTimestamp", "firstTimestamp"],
  ["deprecatedLastTimestamp", "lastTimestamp"],
  ["deprecatedCount", "count"],
];

const TO_CORE: ReadonlyMap<string, string> = new Map(NAMES);
const FROM_CORE: ReadonlyMap<string, string> = new Map(NAMES.map(([ours, core]) => [core, ours]));

/** Shares all values with `event`. */
export function toCoreEvent(event: Event): CoreEvent {
  return { involvedObject: {}, ...renamed(event, TO_CORE) } as CoreEvent;
}

/** Shares all values with `event`. */
export function fromCoreEvent(event: CoreEvent): Event {
  return renamed(event, FROM_CORE) as unknown as Event;
}

function renamed(object: object, names: ReadonlyMap<string, string>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) {
    const other = names.get(name);
    if (other !== undefined) result[other] = value;
  }
  return result;
}
