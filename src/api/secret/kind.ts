/** The kind Secret: its names and its rules. */
import type { Kind } from "../kind.ts";
import { secretColumns } from "./columns.ts";
import { setSecretDefaults } from "./defaults.ts";
import { secretSchema } from "./schema.ts";
import type { Secret } from "./type.ts";
import { validateSecret, validateSecretUpdate } from "./validation.ts";
import { secretWarnings } from "./warnings.ts";

export const secretKind: Kind<Secret> = {
  group: "",
  version: "v1",
  kind: "Secret",
  plural: "secrets",
  singular: "secret",
  shortNames: [],
  categories: [],
  namespaced: true,
  schema: secretSchema,
  columns: secretColumns,
  subresources: {},
  generation: false,
  selectableFields: { type: ({ type }) => type ?? "" },
  setDefaults: setSecretDefaults,
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateSecret,
  validateUpdate: validateSecretUpdate,
  warnings: secretWarnings,
};
