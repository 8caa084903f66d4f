/** The kind ClusterRole: its names and its rules. */
import type { Kind } from "../kind.ts";
import { roleColumns } from "../role/columns.ts";
import { RBAC_GROUP } from "../role/type.ts";
import { clusterRoleSchema } from "./schema.ts";
import type { ClusterRole } from "./type.ts";
import { validateClusterRole, validateClusterRoleUpdate } from "./validation.ts";

export const clusterRoleKind: Kind<ClusterRole> = {
  group: RBAC_GROUP,
  version: "v1",
  kind: "ClusterRole",
  plural: "clusterroles",
  singular: "clusterrole",
  shortNames: [],
  categories: [],
  namespaced: false,
  schema: clusterRoleSchema,
  columns: roleColumns,
  subresources: {},
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateClusterRole,
  validateUpdate: validateClusterRoleUpdate,
};
