/** The kind RoleBinding: its names and its rules. */
import type { Kind } from "../kind.ts";
import { RBAC_GROUP } from "../role/type.ts";
import { bindingColumns } from "./columns.ts";
import { setBindingDefaults } from "./defaults.ts";
import { roleBindingSchema } from "./schema.ts";
import type { RoleBinding } from "./type.ts";
import { validateRoleBinding, validateRoleBindingUpdate } from "./validation.ts";

export const roleBindingKind: Kind<RoleBinding> = {
  group: RBAC_GROUP,
  version: "v1",
  kind: "RoleBinding",
  plural: "rolebindings",
  singular: "rolebinding",
  shortNames: [],
  categories: [],
  namespaced: true,
  schema: roleBindingSchema,
  columns: bindingColumns,
  subresources: {},
  generation: false,
  selectableFields: {},
  setDefaults: setBindingDefaults,
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateRoleBinding,
  validateUpdate: validateRoleBindingUpdate,
};
