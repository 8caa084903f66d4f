/**
 * The kind Scale: what is sent to and answered by /scale of other kinds. It is no resource of its own, so it has no
 * columns and is not in the list of kinds.
 */
import type { Kind } from "../kind.ts";
import { scaleSchema } from "./schema.ts";
import type { Scale } from "./type.ts";
import { validateScale } from "./validation.ts";

export const scaleKind: Kind<Scale> = {
  group: "autoscaling",
  version: "v1",
  kind: "Scale",
  plural: "scales",
  singular: "scale",
  shortNames: [],
  categories: [],
  namespaced: true,
  schema: scaleSchema,
  columns: [],
  subresources: {},
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateScale,
  validateUpdate: validateScale,
};
