/** The kind Endpoints: its names and its rules. */
import type { Kind } from "../kind.ts";
import { endpointsColumns } from "./columns.ts";
import { setEndpointsDefaults } from "./defaults.ts";
import { validateEndpoints, validateEndpointsUpdate } from "./validation.ts";
import { endpointsSchema } from "./schema.ts";
import type { Endpoints } from "./type.ts";
import { endpointsWarnings } from "./warnings.ts";

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
  columns: endpointsColumns,
  subresources: {},
  generation: false,
  selectableFields: {},
  setDefaults: setEndpointsDefaults,
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateEndpoints,
  validateUpdate: validateEndpointsUpdate,
  warnings: endpointsWarnings,
  deprecation: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
};
