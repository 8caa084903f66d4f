/** The kind Namespace: its names and its rules. */
import type { Kind } from "../kind.ts";
import { namespaceSchema } from "./schema.ts";
import type { Namespace } from "./type.ts";

export const namespaceKind: Kind<Namespace> = {
  group: "",
  version: "v1",
  kind: "Namespace",
  plural: "namespaces",
  singular: "namespace",
  shortNames: ["ns"],
  categories: [],
  namespaced: false,
  schema: namespaceSchema,
  columns: [],
  subresources: { status: true },
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: () => [],
  validateUpdate: () => [],
};
