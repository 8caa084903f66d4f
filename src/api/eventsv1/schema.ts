/** The schema of events.k8s.io/v1 Event. */
import { eventSourceSchema, objectReferenceSchema } from "../event/schema.ts";
import { kindSchema } from "../meta/kind-schema.ts";
import { int32, microTime, object, objectSchema, pointer, required, string, time } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { Event, EventSeries } from "./type.ts";

const eventSeriesSchema: ObjectSchema<EventSeries> = objectSchema(
  "io.k8s.api.events.v1.EventSeries",
  "A run of equal events.",
  {
    count: required(int32(1, "How often it was seen; at least 2.")),
    lastObservedTime: required(microTime(2, "When it was last seen.")),
  },
);

export const eventV1Schema: ObjectSchema<Event> = kindSchema(
  "io.k8s.api.events.v1.Event",
  "Something that happened to an object. Kept for a limited time.",
  {
    eventTime: required(microTime(2, "When it happened first.")),
    series: pointer(object(3, eventSeriesSchema, "The series that this event is a part of.")),
    reportingController: string(4, "The controller that reports it, such as kubernetes.io/kubelet."),
    reportingInstance: string(5, "Which instance of the controller reports it."),
    action: string(6, "What was done or failed."),
    reason: string(7, "Why it happened, as one word for programs."),
    regarding: object(8, objectReferenceSchema, "The object that it happened to."),
    related: pointer(object(9, objectReferenceSchema, "A second object that took part.")),
    note: string(10, "What happened, for people."),
    type: string(11, "Normal or Warning."),
    deprecatedSource: object(12, eventSourceSchema, "v1's source. Not for new events."),
    deprecatedFirstTimestamp: time(13, "v1's firstTimestamp. Not for new events."),
    deprecatedLastTimestamp: time(14, "v1's lastTimestamp. Not for new events."),
    deprecatedCount: int32(15, "v1's count. Not for new events."),
  },
);
