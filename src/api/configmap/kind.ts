/** The kind ConfigMap: its names and its rules. */
import type { Kind } from "../kind.ts";
import { configMapColumns } from "./columns.ts";
import { configMapSchema } from "./schema.ts";
import type { ConfigMap } from "./type.ts";
import { validateConfigMap, validateConfigMapUpdate } from "./validation.ts";

export const configMapKind: Kind<ConfigMap> = {
  group: "",
  version: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
  singular: "configmap",
  shortNames: ["cm"],
  categories: [],
  namespaced: true,
  schema: configMapSchema,
  columns: configMapColumns,
  subresources: {},
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateConfigMap,
  validateUpdate: validateConfigMapUpdate,
};
