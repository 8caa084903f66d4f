/** The kind Event: its names and its rules. */
import type { Kind } from "../kind.ts";
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
  columns: [],
  subresources: {},
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: () => [],
  validateUpdate: () => [],
};
