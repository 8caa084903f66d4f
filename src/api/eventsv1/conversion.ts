/** v1 Event and events.k8s.io/v1 Event are one thing under two sets of names (pkg/apis/events/v1/conversion.go). */
import { CORE_EVENT_FIELDS, EVENTS_V1_FIELDS } from "../event/field-names.ts";
import type { Event as CoreEvent } from "../event/type.ts";
import type { Event } from "./type.ts";

/** Shares all values with `event`. */
export function toCoreEvent(event: Event): CoreEvent {
  return { involvedObject: {}, ...renamed(event, CORE_EVENT_FIELDS) } as CoreEvent;
}

/** Shares all values with `event`. */
export function fromCoreEvent(event: CoreEvent): Event {
  return renamed(event, EVENTS_V1_FIELDS) as unknown as Event;
}

function renamed(object: object, names: ReadonlyMap<string, string>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) {
    const other = names.get(name);
    if (other !== undefined) result[other] = value;
  }
  return result;
}
