/** rbac.authorization.k8s.io/v1 Role, and the rules that ClusterRoles have too. */
import type { KubeObject } from "../meta/type.ts";

/** The API group of roles and bindings, and of User and Group subjects. */
export const RBAC_GROUP = "rbac.authorization.k8s.io";

/** What may be done: verbs on resources, or verbs on paths that are no resources. */
export interface PolicyRule {
  /** "*" is every verb. */
  verbs: string[];
  /** "" is the core group, "*" every group. */
  apiGroups?: string[];
  // A doc comment could not hold the last of these.
  // "pods", "pods/status", "*" for all with their subresources, "*/scale" for that subresource of all.
  resources?: string[];
  /** The names of objects; empty is every name. */
  resourceNames?: string[];
  /** Paths; a "*" at the end is any rest. Only in ClusterRoles. */
  nonResourceURLs?: string[];
}

export interface Role extends KubeObject {
  rules: PolicyRule[];
}
