/** The kind ClusterRoleBinding: its names and its rules. */
import type { Kind } from "../kind.ts";
import { RBAC_GROUP } from "../role/type.ts";
import { bindingColumns } from "../rolebinding/columns.ts";
import { setBindingDefaults } from "../rolebinding/defaults.ts";
import { clusterRoleBindingSchema } from "./schema.ts";
import type { ClusterRoleBinding } from "./type.ts";
import { validateClusterRoleBinding, validateClusterRoleBindingUpdate } from "./validation.ts";

export const clusterRoleBindingKind: Kind<ClusterRoleBinding> = {
  group: RBAC_GROUP,
  version: "v1",
  kind: "ClusterRoleBinding",
  plural: "clusterrolebindings",
  singular: "clusterrolebinding",
  shortNames: [],
  categories: [],
  namespaced: false,
  schema: clusterRoleBindingSchema,
  columns: bindingColumns,
  subresources: {},
  generation: false,
  selectableFields: {},
  setDefaults: setBindingDefaults,
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateClusterRoleBinding,
  validateUpdate: validateClusterRoleBindingUpdate,
};
