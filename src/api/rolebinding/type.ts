/** rbac.authorization.k8s.io/v1 RoleBinding, and the parts that ClusterRoleBindings have too. */
import type { KubeObject } from "../meta/type.ts";

/** Who. */
export interface Subject {
  /** "User", "Group" or "ServiceAccount". */
  kind: string;
  /** "" for ServiceAccount, rbac.authorization.k8s.io for the others. */
  apiGroup?: string;
  name: string;
  /** Of a ServiceAccount; absent in a RoleBinding: the binding's. */
  namespace?: string;
}

/** May do what. */
export interface RoleRef {
  apiGroup: string;
  /** "Role" or "ClusterRole". */
  kind: string;
  name: string;
}

export interface RoleBinding extends KubeObject {
  subjects?: Subject[];
  /** Cannot be changed. */
  roleRef: RoleRef;
}
