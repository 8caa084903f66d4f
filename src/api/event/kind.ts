/** The kind Event: its names and its rules. */
import type { Kind } from "../kind.ts";
import { eventColumns } from "./columns.ts";
import { validateEvent, validateEventUpdate } from "./validation.ts";
import { CORE_EVENT_FIELDS } from "./field-names.ts";
import { eventSchema } from "./schema.ts";
import type { Event } from "./type.ts";

export const eventKind: Kind<Event> = {
  group: "",
  version: "v1",
  kind: "Event",
  plural: "events",
  singular: "event",
  shortNames: ["ev"],
  categories: [],
  namespaced: true,
  schema: eventSchema,
  columns: eventColumns,
  subresources: {},
  fieldNames: new Map([["events.k8s.io/v1", CORE_EVENT_FIELDS]]),
  generation: false,
  selectableFields: {
    "involvedObject.kind": ({ involvedObject }) => involvedObject.kind ?? "",
    "involvedObject.namespace": ({ involvedObject }) => involvedObject.namespace ?? "",
    "involvedObject.name": ({ involvedObject }) => involvedObject.name ?? "",
    "involvedObject.uid": ({ involvedObject }) => involvedObject.uid ?? "",
    "involvedObject.apiVersion": ({ involvedObject }) => involvedObject.apiVersion ?? "",
    "involvedObject.resourceVersion": ({ involvedObject }) => involvedObject.resourceVersion ?? "",
    "involvedObject.fieldPath": ({ involvedObject }) => involvedObject.fieldPath ?? "",
    reason: ({ reason }) => reason ?? "",
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? "",
    source: ({ source, reportingComponent }) => source?.component ?? reportingComponent ?? "",
    type: ({ type }) => type ?? "",
  },
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateEvent,
  validateUpdate: validateEventUpdate,
};
