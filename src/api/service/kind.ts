/** The kind Service: its names and its rules. */
import type { Kind } from "../kind.ts";
import { serviceSchema } from "./schema.ts";
import type { Service } from "./type.ts";

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
