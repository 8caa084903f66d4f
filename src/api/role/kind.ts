/** The kind Role: its names and its rules. */
import type { Kind } from "../kind.ts";
import { roleColumns } from "./columns.ts";
import { roleSchema } from "./schema.ts";
import { RBAC_GROUP, type Role } from "./type.ts";
import { validateRole, validateRoleUpdate } from "./validation.ts";

export const roleKind: Kind<Role> = {
  group: RBAC_GROUP,
  version: "v1",
  kind: "Role",
  plural: "roles",
  singular: "role",
  shortNames: [],
  categories: [],
  namespaced: true,
  schema: roleSchema,
  columns: roleColumns,
  subresources: {},
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateRole,
  validateUpdate: validateRoleUpdate,
};
