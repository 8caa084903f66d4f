/** The schema of v1 Event, and of references to any object. */
import { kindSchema } from "../meta/kind-schema.ts";
import type { EventSeries, EventSource, ObjectReference, Event } from "./type.ts";
import {
  int32,
  microTime,
  objectSchema,
  string,
  object,
  time,
  pointer,
  required,
  written,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";

export const objectReferenceSchema: ObjectSchema<ObjectReference> = objectSchema(
  "io.k8s.api.core.v1.ObjectReference",
  "Points at any object, or at a part of one.",
  {
    kind: string(1, "The object's kind."),
    namespace: string(2, "The object's namespace."),
    name: string(3, "The object's name."),
    uid: string(4, "The object's uid."),
    apiVersion: string(5, "The object's API version."),
    resourceVersion: string(6, "The version of the object that is meant."),
    fieldPath: string(7, "The part of the object, such as spec.containers{web}."),
  },
  { atomic: true },
);

export const eventSourceSchema: ObjectSchema<EventSource> = objectSchema(
  "io.k8s.api.core.v1.EventSource",
  "Who reports an event.",
  {
    component: string(1, "The component."),
    host: string(2, "The node that the component runs on."),
  },
);

export const eventSeriesSchema: ObjectSchema<EventSeries> = objectSchema(
  "io.k8s.api.core.v1.EventSeries",
  "A run of equal events.",
  {
    count: int32(1, "How often it was seen."),
    lastObservedTime: microTime(2, "When it was last seen."),
  },
);

export const eventSchema: ObjectSchema<Event> = kindSchema(
  "io.k8s.api.core.v1.Event",
  "Something that happened to an object. Kept for a limited time.",
  {
    involvedObject: required(object(2, objectReferenceSchema, "The object that it happened to.")),
    reason: string(3, "Why it happened, as one word for programs."),
    message: string(4, "What happened, for people."),
    source: object(5, eventSourceSchema, "Who reports it."),
    firstTimestamp: time(6, "When it was first seen."),
    lastTimestamp: time(7, "When it was last seen."),
    count: int32(8, "How often it was seen."),
    type: string(9, "Normal or Warning."),
    eventTime: microTime(10, "When it happened, for events of the newer API."),
    series: pointer(object(11, eventSeriesSchema, "The series that this event is a part of.")),
    action: string(12, "What was done or failed."),
    related: pointer(object(13, objectReferenceSchema, "A second object that took part.")),
    reportingComponent: written(string(14, "The controller that reports it.")),
    reportingInstance: written(string(15, "Which instance of the controller reports it.")),
  },
);
