/** The kind ServiceAccount: its names and its rules. */
import type { Kind } from "../kind.ts";
import { tokenRequestKind } from "../tokenrequest/kind.ts";
import { serviceAccountColumns } from "./columns.ts";
import { cleanSecretReferences } from "./prepare.ts";
import { serviceAccountSchema } from "./schema.ts";
import type { ServiceAccount } from "./type.ts";
import {
  serviceAccountWarnings,
  validateServiceAccount,
  validateServiceAccountUpdate,
} from "./validation.ts";

export const serviceAccountKind: Kind<ServiceAccount> = {
  group: "",
  version: "v1",
  kind: "ServiceAccount",
  plural: "serviceaccounts",
  singular: "serviceaccount",
  shortNames: ["sa"],
  categories: [],
  namespaced: true,
  schema: serviceAccountSchema,
  columns: serviceAccountColumns,
  subresources: { others: [{ name: "token", kind: tokenRequestKind, verbs: ["create"] }] },
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: cleanSecretReferences,
  prepareForUpdate: cleanSecretReferences,
  validate: validateServiceAccount,
  validateUpdate: validateServiceAccountUpdate,
  warnings: serviceAccountWarnings,
};
