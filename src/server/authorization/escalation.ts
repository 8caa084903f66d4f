/**
 * Nobody may give away, in a role or by a binding, what they may not do themselves (pkg/registry/rbac: the
 * "policybased" storages), but for who is allowed to `escalate` the role or to `bind` it.
 */
import { isDeepStrictEqual } from "node:util";
import type { ClusterRole } from "../../api/clusterrole/type.ts";
import type { ClusterRoleBinding } from "../../api/clusterrolebinding/type.ts";
import type { KindName } from "../../api/kind.ts";
import { RBAC_GROUP, type PolicyRule, type Role } from "../../api/role/type.ts";
import type { RoleBinding } from "../../api/rolebinding/type.ts";
import { forbidden, notFound } from "../../api/status-errors.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import type { CallContext, UserInfo } from "../registry.ts";
import { describeRule, missingRules } from "./coverage.ts";
import { goQuote, goQuoteList } from "./go-text.ts";
import { aggregate, type Policy, SYSTEM_MASTERS } from "./policy.ts";

const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

type AnyRole = Role | ClusterRole;
type AnyBinding = RoleBinding | ClusterRoleBinding;

/** Throws ApiError 403 if the caller may not write this Role or ClusterRole. `old` is what it replaces. */
export function checkRoleWrite(
  policy: Policy,
  kind: KindName,
  role: AnyRole,
  old: AnyRole | undefined,
  { user }: CallContext,
): void {
  if (user.groups.includes(SYSTEM_MASTERS) || onlyForCollection(role, old)) return;
  const { name = "", namespace = "" } = role.metadata;
  // The name of a new object is in its body, which is not what authorization has seen.
  const known = old === undefined ? "" : name;
  const target = { group: RBAC_GROUP, version: "*", resource: kind.plural, subresource: "", namespace };
  if (policy.authorize(user, { ...target, verb: "escalate", name: known }).allowed) return;
  const refusal = shortfall(policy, user, namespace, role.rules);
  if (refusal !== undefined) throw forbidden(kind, name, refusal);
  // An aggregation gathers whatever there will be, and taking one away keeps it from being narrowed.
  if (aggregates(role) || (old !== undefined && aggregates(old)))
    if (shortfall(policy, user, namespace, EVERYTHING) !== undefined)
      throw forbidden(kind, name, "must have cluster-admin privileges to use the aggregationRule");
}

/** Throws ApiError 403 if the caller may not write this binding, 404 if it names a role that is not there. */
export function checkBindingWrite(
  policy: Policy,
  kind: KindName,
  binding: AnyBinding,
  old: AnyBinding | undefined,
  { user }: CallContext,
): void {
  if (user.groups.includes(SYSTEM_MASTERS) || onlyForCollection(binding, old)) return;
  const { roleRef } = binding;
  const { name = "", namespace = "" } = binding.metadata;
  const roles = roleRef.kind === "ClusterRole" ? "clusterroles" : roleRef.kind === "Role" ? "roles" : "";
  const target = { group: roleRef.apiGroup, version: "*", resource: roles, subresource: "", namespace };
  if (policy.authorize(user, { ...target, verb: "bind", name: roleRef.name }).allowed) return;
  const rules = policy.rulesOfRole(roleRef, namespace);
  if (rules === undefined) throw notFound({ group: RBAC_GROUP, plural: roles }, roleRef.name);
  const refusal = shortfall(policy, user, namespace, rules);
  if (refusal !== undefined) throw forbidden(kind, name, refusal);
}

/** What `user` lacks of `wanted`, in upstream's words. */
function shortfall(
  policy: Policy,
  user: UserInfo,
  namespace: string,
  wanted: readonly PolicyRule[],
): string | undefined {
  const { rules, problems } = policy.rulesFor(user, namespace);
  const missing = missingRules(rules, wanted);
  if (missing.length === 0) return undefined;
  const lines = [...new Set(missing.map(describeRule))].sort().join("\n");
  const who = `user ${goQuote(user.name)} (groups=${goQuoteList(user.groups)})`;
  const text = `${who} is attempting to grant RBAC permissions not currently held:\n${lines}`;
  return problems.length === 0 ? text : `${text}; resolution errors: [${aggregate(problems)}]`;
}

function aggregates(role: AnyRole): boolean {
  return "aggregationRule" in role && role.aggregationRule !== undefined;
}

/** Whether an update changes only what garbage collection needs: anyone who may update may do that. */
function onlyForCollection(object: KubeObject, old: KubeObject | undefined): boolean {
  return old !== undefined && isDeepStrictEqual(withoutOwners(object), withoutOwners(old));
}

function withoutOwners(object: KubeObject): unknown {
  const {
    ownerReferences: _owners,
    finalizers: _finalizers,
    managedFields: _fields,
    resourceVersion: _version,
    ...metadata
  } = object.metadata;
  return { ...object, metadata };
}
