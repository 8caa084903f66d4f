/** The kind Endpoints: its names and its rules. */
import type { Kind } from "../kind.ts";
import { endpointsSchema } from "./schema.ts";
import type { Endpoints } from "./type.ts";

export const endpointsKind: Kind<Endpoints> = {
  group: "",
  version: "v1",
  kind: "Endpoints",
  plural: "endpoints",
  singular: "endpoints",
  shortNames: ["ep"],
  categories: [],
  namespaced: true,
  schema: endpointsSchema,
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
