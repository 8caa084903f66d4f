/**
 * The roles and bindings in force, indexed by who they are about, and the question of who may do what
 * (plugin/pkg/auth/authorizer/rbac). Rules only ever allow: what no rule allows is not allowed.
 */
import type { PolicyRule } from "../../api/role/type.ts";
import { RBAC_GROUP } from "../../api/role/type.ts";
import type { RoleRef, Subject } from "../../api/rolebinding/type.ts";
import type { UserInfo } from "../registry.ts";
import { serviceAccountUsername } from "../security/service-account-name.ts";
import type { Attributes, Decision } from "./attributes.ts";
import { goQuote } from "./go-text.ts";
import { CompiledRule } from "./rule.ts";

/** Who is in this group may do everything (apiserver's privileged groups). */
export const SYSTEM_MASTERS = "system:masters";

/** A RoleBinding or, without a namespace, a ClusterRoleBinding. */
export interface PolicyBinding {
  readonly name: string;
  readonly subjects: readonly Subject[];
  readonly roleRef: RoleRef;
}

/** A binding as one of its subjects sees it. */
interface Grant {
  readonly roleRef: RoleRef;
  /** `ClusterRoleBinding "a" of ClusterRole "b" to Group "c"`. */
  readonly description: string;
}

/** By user or group name, and then by the binding's name. */
type Grants = Map<string, Map<string, Grant>>;

/** What is said in one namespace; or, under the empty name, for the whole cluster. */
class Scope {
  readonly roles = new Map<string, readonly CompiledRule[]>();
  readonly bindings = new Map<string, PolicyBinding>();
  readonly ofUsers: Grants = new Map();
  readonly ofGroups: Grants = new Map();
}

const CLUSTER = "";

/** The rules that hold for a user in a namespace. */
export interface UserRules {
  readonly rules: readonly PolicyRule[];
  /** Roles that bindings name and that are not there. */
  readonly problems: readonly string[];
}

export class Policy {
  readonly #scopes = new Map<string, Scope>([[CLUSTER, new Scope()]]);

  /** Forgets everything. */
  clear(): void {
    this.#scopes.clear();
    this.#scopes.set(CLUSTER, new Scope());
  }

  /** `namespace` "" for a ClusterRole. Rules undefined: the role is gone. */
  setRole(namespace: string, name: string, rules: readonly PolicyRule[] | undefined): void {
    const { roles } = this.#scope(namespace);
    if (rules === undefined) roles.delete(name);
    else
      roles.set(
        name,
        rules.map((rule) => new CompiledRule(rule)),
      );
    this.#tidy(namespace);
  }

  /** `namespace` "" for a ClusterRoleBinding. Binding undefined: it is gone. */
  setBinding(namespace: string, name: string, binding: PolicyBinding | undefined): void {
    const scope = this.#scope(namespace);
    const old = scope.bindings.get(name);
    for (const subject of old?.subjects ?? []) {
      const where = placeOf(scope, subject, namespace);
      const grants = where?.of.get(where.name);
      grants?.delete(name);
      if (grants?.size === 0) where!.of.delete(where!.name);
    }
    if (binding === undefined) scope.bindings.delete(name);
    else {
      scope.bindings.set(name, binding);
      for (const subject of binding.subjects) {
        const where = placeOf(scope, subject, namespace);
        if (where === undefined) continue;
        let grants = where.of.get(where.name);
        if (grants === undefined) where.of.set(where.name, (grants = new Map()));
        if (grants.has(name)) continue;
        const description = describe(namespace, binding, subject);
        grants.set(name, { roleRef: binding.roleRef, description });
      }
    }
    this.#tidy(namespace);
  }

  /** Whether `user` may. Never throws. */
  authorize(user: UserInfo, attributes: Attributes): Decision {
    if (user.groups.includes(SYSTEM_MASTERS)) return ALLOWED;
    const namespace = "path" in attributes ? CLUSTER : attributes.namespace;
    const problems: string[] = [];
    for (const { grant, rules } of this.#grants(user, namespace, problems))
      for (const rule of rules)
        if (rule.allows(attributes))
          return { allowed: true, reason: `RBAC: allowed by ${grant.description}` };
    return problems.length === 0 ? DENIED : { allowed: false, reason: `RBAC: ${aggregate(problems)}` };
  }

  /** What holds for `user`: for the cluster, and in `namespace` unless it is empty. */
  rulesFor(user: UserInfo, namespace: string): UserRules {
    const problems: string[] = [];
    const rules: PolicyRule[] = [];
    for (const { rules: own } of this.#grants(user, namespace, problems))
      for (const { source } of own) rules.push(source);
    return { rules, problems };
  }

  /** The rules of the role that a binding in `namespace` ("" for none) names; undefined if it is not there. */
  rulesOfRole(roleRef: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    return this.#role(roleRef, namespace)?.map(({ source }) => source);
  }

  /** The rules of everything that is bound to the user, and to the groups; what is missing goes to `problems`. */
  *#grants(
    user: UserInfo,
    namespace: string,
    problems: string[],
  ): Generator<{ grant: Grant; rules: readonly CompiledRule[] }, void> {
    for (const where of namespace === CLUSTER ? [CLUSTER] : [CLUSTER, namespace]) {
      const scope = this.#scopes.get(where);
      if (scope === undefined) continue;
      for (const grants of grantsOf(scope, user))
        for (const grant of grants.values()) {
          const rules = this.#role(grant.roleRef, where);
          if (rules === undefined) problems.push(roleNotFound(grant.roleRef));
          else yield { grant, rules };
        }
    }
  }

  #role({ kind, name }: RoleRef, namespace: string): readonly CompiledRule[] | undefined {
    if (kind === "ClusterRole") return this.#scopes.get(CLUSTER)!.roles.get(name);
    // A ClusterRoleBinding cannot name a Role: under the empty namespace are ClusterRoles.
    if (kind !== "Role" || namespace === CLUSTER) return undefined;
    return this.#scopes.get(namespace)?.roles.get(name);
  }

  #scope(namespace: string): Scope {
    let scope = this.#scopes.get(namespace);
    if (scope === undefined) this.#scopes.set(namespace, (scope = new Scope()));
    return scope;
  }

  #tidy(namespace: string): void {
    const scope = this.#scopes.get(namespace)!;
    if (namespace !== CLUSTER && scope.roles.size + scope.bindings.size === 0) this.#scopes.delete(namespace);
  }
}

const ALLOWED: Decision = { allowed: true, reason: "" };
const DENIED: Decision = { allowed: false, reason: "" };

/** `clusterrole.rbac.authorization.k8s.io "a" not found`. */
export function roleNotFound({ kind, name }: RoleRef): string {
  return `${kind.toLowerCase()}.${RBAC_GROUP} ${goQuote(name)} not found`;
}

/** Several errors as one text, each said once (apimachinery util/errors Aggregate). */
export function aggregate(problems: readonly string[]): string {
  const once = [...new Set(problems)];
  return once.length === 1 ? once[0]! : `[${once.join(", ")}]`;
}

function grantsOf(scope: Scope, { name, groups }: UserInfo): Map<string, Grant>[] {
  const found: Map<string, Grant>[] = [];
  const own = scope.ofUsers.get(name);
  if (own !== undefined) found.push(own);
  for (const group of groups) {
    const grants = scope.ofGroups.get(group);
    if (grants !== undefined) found.push(grants);
  }
  return found;
}

/** Where the grants of a subject are; undefined for a subject that nobody can be. */
function placeOf(
  scope: Scope,
  { kind, name, namespace: own = "" }: Subject,
  namespace: string,
): { of: Grants; name: string } | undefined {
  switch (kind) {
    case "User":
      return { of: scope.ofUsers, name };
    case "Group":
      return { of: scope.ofGroups, name };
    case "ServiceAccount": {
      const where = own === "" ? namespace : own;
      return where === "" ? undefined : { of: scope.ofUsers, name: serviceAccountUsername(where, name) };
    }
    default:
      return undefined;
  }
}

function describe(namespace: string, { name, roleRef }: PolicyBinding, subject: Subject): string {
  const role = `${roleRef.kind} ${goQuote(roleRef.name)}`;
  const own = subject.namespace ?? "";
  const who =
    subject.kind === "ServiceAccount" ? `${subject.name}/${own === "" ? namespace : own}` : subject.name;
  const binding =
    namespace === CLUSTER
      ? `ClusterRoleBinding ${goQuote(name)}`
      : `RoleBinding ${goQuote(`${name}/${namespace}`)}`;
  return `${binding} of ${role} to ${subject.kind} ${goQuote(who)}`;
}
