/** What the fields of an Event are called in events.k8s.io/v1 and in v1 (pkg/apis/events/v1/conversion.go). */

/** The name in events.k8s.io/v1, and in v1. */
const EVENT_FIELD_NAMES = [
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
] as const;

/** The name in v1, by that in events.k8s.io/v1. */
export const CORE_EVENT_FIELDS: ReadonlyMap<string, string> = new Map(EVENT_FIELD_NAMES);
/** The name in events.k8s.io/v1, by that in v1. */
export const EVENTS_V1_FIELDS: ReadonlyMap<string, string> = new Map(
  EVENT_FIELD_NAMES.map(([ours, core]) => [core, ours]),
);
