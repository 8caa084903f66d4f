/** The kind Namespace: its names and its rules. */
import type { Kind } from "../kind.ts";
import { namespaceColumns } from "./columns.ts";
import {
  prepareNamespaceForCreate,
  prepareNamespaceForStatusUpdate,
  prepareNamespaceForUpdate,
  setNamespaceDefaults,
} from "./prepare.ts";
import { validateNamespace, validateNamespaceUpdate } from "./validation.ts";
import { namespaceSchema } from "./schema.ts";
import type { Namespace } from "./type.ts";

export const namespaceKind: Kind<Namespace> = {
  group: "",
  version: "v1",
  kind: "Namespace",
  plural: "namespaces",
  singular: "namespace",
  shortNames: ["ns"],
  categories: [],
  namespaced: false,
  schema: namespaceSchema,
  columns: namespaceColumns,
  subresources: { status: true },
  generation: false,
  selectableFields: {
    "status.phase": ({ status }) => status?.phase ?? "",
  },
  setDefaults: setNamespaceDefaults,
  prepareForCreate: prepareNamespaceForCreate,
  prepareForUpdate: prepareNamespaceForUpdate,
  validate: validateNamespace,
  validateUpdate: validateNamespaceUpdate,
  prepareForStatusUpdate: prepareNamespaceForStatusUpdate,
  validateStatusUpdate: validateNamespaceUpdate,
};
