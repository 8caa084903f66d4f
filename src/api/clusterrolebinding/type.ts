/** rbac.authorization.k8s.io/v1 ClusterRoleBinding. */
import type { KubeObject } from "../meta/type.ts";
import type { RoleRef, Subject } from "../rolebinding/type.ts";

export interface ClusterRoleBinding extends KubeObject {
  subjects?: Subject[];
  /** Always a ClusterRole. Cannot be changed. */
  roleRef: RoleRef;
}
