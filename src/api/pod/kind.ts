/** The kind Pod: its names and its rules. */
import type { Kind } from "../kind.ts";
import { podSchema } from "./schema.ts";
import type { Pod } from "./type.ts";

export const podKind: Kind<Pod> = {
  group: "",
  version: "v1",
  kind: "Pod",
  plural: "pods",
  singular: "pod",
  shortNames: ["po"],
  categories: ["all"],
  namespaced: true,
  schema: podSchema,
  columns: [],
  subresources: { status: true },
  generation: true,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: () => [],
  validateUpdate: () => [],
};
