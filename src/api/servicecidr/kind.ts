/** The kind ServiceCIDR: its names and its rules. */
import type { Kind } from "../kind.ts";
import { serviceCIDRColumns } from "./columns.ts";
import { serviceCIDRSchema } from "./schema.ts";
import type { ServiceCIDR } from "./type.ts";
import {
  validateServiceCIDR,
  validateServiceCIDRStatusUpdate,
  validateServiceCIDRUpdate,
} from "./validation.ts";

export const serviceCIDRKind: Kind<ServiceCIDR> = {
  group: "networking.k8s.io",
  version: "v1",
  kind: "ServiceCIDR",
  plural: "servicecidrs",
  singular: "servicecidr",
  shortNames: [],
  categories: [],
  namespaced: false,
  schema: serviceCIDRSchema,
  columns: serviceCIDRColumns,
  subresources: { status: true },
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  // The server writes the status of a new range with it, whatever the client sent.
  prepareForCreate: () => {},
  prepareForUpdate: (range, old) => {
    if (old.status === undefined) delete range.status;
    else range.status = structuredClone(old.status);
  },
  validate: validateServiceCIDR,
  validateUpdate: validateServiceCIDRUpdate,
  prepareForStatusUpdate: (range, old) => {
    range.spec = structuredClone(old.spec ?? {});
  },
  validateStatusUpdate: validateServiceCIDRStatusUpdate,
};
