/** The kind Service: its names and its rules. */
import type { Kind } from "../kind.ts";
import { serviceColumns } from "./columns.ts";
import { setServiceDefaults } from "./defaults.ts";
import {
  prepareServiceForCreate,
  prepareServiceForStatusUpdate,
  prepareServiceForUpdate,
} from "./prepare.ts";
import { serviceSchema } from "./schema.ts";
import { validateServiceStatusUpdate } from "./status-validation.ts";
import type { Service } from "./type.ts";
import { validateService, validateServiceUpdate } from "./validation.ts";
import { serviceWarnings } from "./warnings.ts";

export const serviceKind: Kind<Service> = {
  group: "",
  version: "v1",
  kind: "Service",
  plural: "services",
  singular: "service",
  shortNames: ["svc"],
  categories: ["all"],
  namespaced: true,
  schema: serviceSchema,
  columns: serviceColumns,
  subresources: { status: true },
  generation: false,
  selectableFields: {
    "spec.clusterIP": ({ spec }) => spec?.clusterIP ?? "",
    "spec.type": ({ spec }) => spec?.type ?? "",
  },
  setDefaults: setServiceDefaults,
  prepareForCreate: prepareServiceForCreate,
  prepareForUpdate: prepareServiceForUpdate,
  prepareForStatusUpdate: prepareServiceForStatusUpdate,
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  validateStatusUpdate: validateServiceStatusUpdate,
  warnings: serviceWarnings,
};
