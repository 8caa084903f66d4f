/**
 * Which Events are acceptable (pkg/apis/core/validation/events.go). Two APIs serve the same Events: v1 takes what it
 * always took, events.k8s.io/v1 is strict. Both say what is wrong in the names of v1, as upstream does.
 */
import { isDeepStrictEqual } from "node:util";
import { type FieldError, immutable, invalidValue, required } from "../field-error.ts";
import { type ObjectMetaRules, validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkSyntax } from "../validation/checks.ts";
import {
  dns1123SubdomainComplaints,
  pathSegmentComplaints,
  qualifiedNameComplaints,
} from "../validation/names.ts";
import type { Event, ObjectReference } from "./type.ts";

const RULES: ObjectMetaRules = { namespaced: true, nameComplaints: pathSegmentComplaints };
const STRICT_RULES: ObjectMetaRules = { namespaced: true, nameComplaints: dns1123SubdomainComplaints };

/** Bytes. */
const MAX_NAME = 128;
const MAX_MESSAGE = 1024;

const TYPES = new Set(["Normal", "Warning"]);

export function validateEvent(event: Event): FieldError[] {
  return [...checkEvent(event, "reportingComponent"), ...validateObjectMeta(event.metadata, RULES)];
}

export function validateEventUpdate(event: Event, old: Event): FieldError[] {
  return [
    ...checkEvent(event, "reportingComponent"),
    ...validateObjectMetaUpdate(event.metadata, old.metadata),
  ];
}

/** A new Event that came through events.k8s.io/v1. */
export function validateEventStrictly(event: Event): FieldError[] {
  const { eventTime, type = "", firstTimestamp, lastTimestamp, count = 0, source = {} } = event;
  const errors = [
    ...checkEvent(event, "reportingController"),
    ...validateObjectMeta(event.metadata, STRICT_RULES),
    ...checkSeries(event),
  ];
  if (eventTime === undefined) errors.push(required("eventTime"));
  if (!TYPES.has(type)) errors.push(invalidValue("type", "", `has invalid value: ${type}`));
  const refuse = (field: string, given: boolean): void => {
    if (given) errors.push(invalidValue(field, "", "needs to be unset"));
  };
  refuse("firstTimestamp", firstTimestamp !== undefined);
  refuse("lastTimestamp", lastTimestamp !== undefined);
  refuse("count", count !== 0);
  refuse("source", (source.component ?? "") !== "" || (source.host ?? "") !== "");
  return errors;
}

/** Through events.k8s.io/v1 only the series of an Event changes, and its metadata. */
export function validateEventUpdateStrictly(event: Event, old: Event): FieldError[] {
  const errors = [
    ...checkEvent(event, "reportingController"),
    ...validateObjectMetaUpdate(event.metadata, old.metadata),
  ];
  if (!isDeepStrictEqual(event.series, old.series)) errors.push(...checkSeries(event));
  for (const [field, read, empty] of FIXED)
    if (!isDeepStrictEqual(read(event) ?? empty, read(old) ?? empty))
      errors.push(immutable(field, read(event) ?? empty));
  return errors;
}

/** Fields that do not change, in upstream's order, with what an absent one is. */
const FIXED: readonly (readonly [field: string, read: (event: Event) => unknown, empty: unknown])[] = [
  ["involvedObject", ({ involvedObject }) => involvedObject, {}],
  ["reason", ({ reason }) => reason, ""],
  ["message", ({ message }) => message, ""],
  ["source", ({ source }) => source, {}],
  ["firstTimestamp", ({ firstTimestamp }) => firstTimestamp, null],
  ["lastTimestamp", ({ lastTimestamp }) => lastTimestamp, null],
  ["count", ({ count }) => count, 0],
  ["type", ({ type }) => type, ""],
  ["eventTime", ({ eventTime }) => eventTime, null],
  ["action", ({ action }) => action, ""],
  ["related", ({ related }) => related, null],
  ["reportingController", ({ reportingComponent }) => reportingComponent, ""],
  ["reportingInstance", ({ reportingInstance }) => reportingInstance, ""],
];

function checkSeries({ series }: Event): FieldError[] {
  if (series === undefined) return [];
  const errors: FieldError[] = [];
  if ((series.count ?? 0) < 2) errors.push(invalidValue("series.count", "", "should be at least 2"));
  if (series.lastObservedTime === undefined) errors.push(required("series.lastObservedTime"));
  return errors;
}

/** What both APIs ask for. Who sets eventTime speaks the newer API's language, whichever API it uses. */
function checkEvent(event: Event, controllerField: string): FieldError[] {
  const { metadata, involvedObject, eventTime } = event;
  const namespace = metadata.namespace ?? "";
  const errors =
    eventTime === undefined ? checkPlace(namespace, involvedObject) : checkNewEvent(event, controllerField);
  return [...errors, ...checkSyntax("namespace", namespace, dns1123SubdomainComplaints)];
}

/** An event is in the namespace of its object; one about an object outside namespaces is in "default". */
function checkPlace(place: string, { namespace = "" }: ObjectReference): FieldError[] {
  return place === (namespace === "" ? "default" : namespace) ? [] : [misplaced(namespace)];
}

function misplaced(namespace: string): FieldError {
  return invalidValue("involvedObject.namespace", namespace, "does not match event.namespace");
}

function checkNewEvent(event: Event, controllerField: string): FieldError[] {
  const { metadata, involvedObject, reportingComponent = "", reportingInstance = "" } = event;
  const { action = "", reason = "", message = "" } = event;
  const { namespace = "" } = involvedObject;
  const errors: FieldError[] = [];
  const isOutside = metadata.namespace === "default" || metadata.namespace === "kube-system";
  if (namespace === "" && !isOutside) errors.push(misplaced(namespace));
  if (reportingComponent === "") errors.push(required(controllerField));
  errors.push(...checkSyntax(controllerField, reportingComponent, qualifiedNameComplaints));
  for (const [field, text] of Object.entries({ reportingInstance, action, reason })) {
    if (text === "") errors.push(required(field));
    errors.push(...checkLength(field, text, MAX_NAME));
  }
  return [...errors, ...checkLength("message", message, MAX_MESSAGE)];
}

/** Upstream says characters and counts bytes. */
function checkLength(field: string, text: string, limit: number): FieldError[] {
  if (Buffer.byteLength(text) <= limit) return [];
  return [invalidValue(field, "", `can have at most ${limit} characters`)];
}
