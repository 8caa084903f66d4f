/** The kind Ingress: its names and its rules. */
import type { Kind } from "../kind.ts";
import { ingressColumns } from "./columns.ts";
import {
  prepareIngressForCreate,
  prepareIngressForStatusUpdate,
  prepareIngressForUpdate,
} from "./prepare.ts";
import { ingressSchema } from "./schema.ts";
import type { Ingress } from "./type.ts";
import { validateIngress, validateIngressStatusUpdate, validateIngressUpdate } from "./validation.ts";
import { ingressWarnings } from "./warnings.ts";

export const ingressKind: Kind<Ingress> = {
  group: "networking.k8s.io",
  version: "v1",
  kind: "Ingress",
  plural: "ingresses",
  singular: "ingress",
  shortNames: ["ing"],
  categories: [],
  namespaced: true,
  schema: ingressSchema,
  columns: ingressColumns,
  subresources: { status: true },
  generation: true,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: prepareIngressForCreate,
  prepareForUpdate: prepareIngressForUpdate,
  prepareForStatusUpdate: prepareIngressForStatusUpdate,
  validate: validateIngress,
  validateUpdate: validateIngressUpdate,
  validateStatusUpdate: validateIngressStatusUpdate,
  warnings: ingressWarnings,
};
