/** The kind Event of events.k8s.io: its names and its rules. Its objects are v1's. */
import { EVENTS_V1_FIELDS } from "../event/field-names.ts";
import { eventKind } from "../event/kind.ts";
import type { Event as CoreEvent, ObjectReference } from "../event/type.ts";
import { validateEventStrictly, validateEventUpdateStrictly } from "../event/validation.ts";
import type { Kind } from "../kind.ts";
import { fromCoreEvent, toCoreEvent } from "./conversion.ts";
import { eventV1Schema } from "./schema.ts";
import type { Event } from "./type.ts";

export const eventV1Kind: Kind<Event> = {
  group: "events.k8s.io",
  version: "v1",
  kind: "Event",
  plural: "events",
  singular: "event",
  shortNames: ["ev"],
  categories: [],
  namespaced: true,
  schema: eventV1Schema,
  columns: eventKind.columns.map((column) => ({
    ...column,
    cell: (event: Event, now: number) => column.cell(toCoreEvent(event), now),
  })),
  subresources: {},
  view: {
    of: eventKind,
    fromStored: (stored) => fromCoreEvent(stored as CoreEvent),
    toStored: toCoreEvent,
  },
  fieldNames: new Map([["v1", EVENTS_V1_FIELDS]]),
  generation: false,
  selectableFields: {
    "regarding.kind": ofObject("kind"),
    "regarding.namespace": ofObject("namespace"),
    "regarding.name": ofObject("name"),
    "regarding.uid": ofObject("uid"),
    "regarding.apiVersion": ofObject("apiVersion"),
    "regarding.resourceVersion": ofObject("resourceVersion"),
    "regarding.fieldPath": ofObject("fieldPath"),
    reason: ({ reason }) => reason ?? "",
    reportingController: ({ reportingController }) => reportingController ?? "",
    source: ({ deprecatedSource, reportingController }) =>
      deprecatedSource?.component ?? reportingController ?? "",
    type: ({ type }) => type ?? "",
  },
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: (event) => validateEventStrictly(toCoreEvent(event)),
  validateUpdate: (event, old) => validateEventUpdateStrictly(toCoreEvent(event), toCoreEvent(old)),
};

function ofObject(field: keyof ObjectReference): (event: Event) => string {
  return ({ regarding }) => regarding?.[field] ?? "";
}
