/** The kind EndpointSlice: its names and its rules. */
import type { Kind } from "../kind.ts";
import { endpointSliceColumns } from "./columns.ts";
import { setEndpointSliceDefaults } from "./defaults.ts";
import { prepareEndpointSliceForCreate, prepareEndpointSliceForUpdate } from "./prepare.ts";
import { validateEndpointSlice, validateEndpointSliceUpdate } from "./validation.ts";
import { endpointSliceSchema } from "./schema.ts";
import type { EndpointSlice } from "./type.ts";
import { endpointSliceWarnings } from "./warnings.ts";

export const endpointSliceKind: Kind<EndpointSlice> = {
  group: "discovery.k8s.io",
  version: "v1",
  kind: "EndpointSlice",
  plural: "endpointslices",
  singular: "endpointslice",
  shortNames: [],
  categories: [],
  namespaced: true,
  schema: endpointSliceSchema,
  columns: endpointSliceColumns,
  subresources: {},
  generation: true,
  selectableFields: {},
  setDefaults: setEndpointSliceDefaults,
  prepareForCreate: prepareEndpointSliceForCreate,
  prepareForUpdate: prepareEndpointSliceForUpdate,
  validate: validateEndpointSlice,
  validateUpdate: validateEndpointSliceUpdate,
  warnings: endpointSliceWarnings,
};
