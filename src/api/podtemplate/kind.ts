/** The kind PodTemplate: its names and its rules. */
import type { Kind } from "../kind.ts";
import { podTemplateColumns } from "./columns.ts";
import { setPodTemplateDefaults } from "./defaults.ts";
import { podTemplateSchema } from "./schema.ts";
import type { PodTemplate } from "./type.ts";
import { templateWarnings } from "../pod/warnings.ts";
import { validatePodTemplate, validatePodTemplateUpdate } from "./validation.ts";

export const podTemplateKind: Kind<PodTemplate> = {
  group: "",
  version: "v1",
  kind: "PodTemplate",
  plural: "podtemplates",
  singular: "podtemplate",
  shortNames: [],
  categories: [],
  namespaced: true,
  schema: podTemplateSchema,
  columns: podTemplateColumns,
  subresources: {},
  generation: true,
  selectableFields: {},
  setDefaults: setPodTemplateDefaults,
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validatePodTemplate,
  validateUpdate: validatePodTemplateUpdate,
  warnings: ({ template }) => (template === undefined ? [] : templateWarnings("template.", template)),
};
