/** The kind CustomResourceDefinition: its names and its rules. */
import type { Kind } from "../kind.ts";
import { customResourceDefinitionColumns } from "./columns.ts";
import { setCustomResourceDefinitionDefaults } from "./defaults.ts";
import {
  prepareDefinitionForCreate,
  prepareDefinitionForStatusUpdate,
  prepareDefinitionForUpdate,
} from "./prepare.ts";
import { customResourceDefinitionSchema } from "./schema.ts";
import type { CustomResourceDefinition } from "./type.ts";
import {
  definitionWarnings,
  validateDefinition,
  validateDefinitionStatusUpdate,
  validateDefinitionUpdate,
} from "./validation.ts";

export const customResourceDefinitionKind: Kind<CustomResourceDefinition> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  singular: "customresourcedefinition",
  shortNames: ["crd", "crds"],
  categories: ["api-extensions"],
  namespaced: false,
  schema: customResourceDefinitionSchema,
  columns: customResourceDefinitionColumns,
  subresources: { status: true },
  protobuf: false,
  generation: true,
  selectableFields: {},
  setDefaults: setCustomResourceDefinitionDefaults,
  prepareForCreate: prepareDefinitionForCreate,
  prepareForUpdate: prepareDefinitionForUpdate,
  prepareForStatusUpdate: prepareDefinitionForStatusUpdate,
  validate: validateDefinition,
  validateUpdate: validateDefinitionUpdate,
  validateStatusUpdate: validateDefinitionStatusUpdate,
  warnings: definitionWarnings,
};
