/** events.k8s.io/v1 Event: the newer form of v1 Event. What is stored is v1 Event; this is a view of it. */
import type { EventSource, ObjectReference } from "../event/type.ts";
import type { KubeObject, MicroTime, Time } from "../meta/type.ts";

export interface EventSeries {
  count: number;
  lastObservedTime?: MicroTime;
}

export interface Event extends KubeObject {
  eventTime?: MicroTime;
  series?: EventSeries;
  reportingController?: string;
  reportingInstance?: string;
  action?: string;
  reason?: string;
  regarding?: ObjectReference;
  related?: ObjectReference;
  note?: string;
  type?: string;
  deprecatedSource?: EventSource;
  deprecatedFirstTimestamp?: Time;
  deprecatedLastTimestamp?: Time;
  deprecatedCount?: number;
}
