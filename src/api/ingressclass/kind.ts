/** The kind IngressClass: its names and its rules. */
import type { Kind } from "../kind.ts";
import { ingressClassColumns } from "./columns.ts";
import { setIngressClassDefaults } from "./defaults.ts";
import { ingressClassSchema } from "./schema.ts";
import type { IngressClass } from "./type.ts";
import { validateIngressClass, validateIngressClassUpdate } from "./validation.ts";

export const ingressClassKind: Kind<IngressClass> = {
  group: "networking.k8s.io",
  version: "v1",
  kind: "IngressClass",
  plural: "ingressclasses",
  singular: "ingressclass",
  shortNames: [],
  categories: [],
  namespaced: false,
  schema: ingressClassSchema,
  columns: ingressClassColumns,
  subresources: {},
  generation: true,
  selectableFields: {},
  setDefaults: setIngressClassDefaults,
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateIngressClass,
  validateUpdate: validateIngressClassUpdate,
};
