/**
 * Writes the bootstrap roles and bindings at start, and repairs those that are there: what they lack is added, what
 * somebody added stays (component-helpers auth/rbac/reconciliation, as the RBAC bootstrap hook uses it).
 */
import { clusterRoleKind } from "../../api/clusterrole/kind.ts";
import type { ClusterRole } from "../../api/clusterrole/type.ts";
import { clusterRoleBindingKind } from "../../api/clusterrolebinding/kind.ts";
import type { ClusterRoleBinding } from "../../api/clusterrolebinding/type.ts";
import { ApiError } from "../../api/api-error.ts";
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import type { Subject } from "../../api/rolebinding/type.ts";
import type { CallContext, Registry } from "../registry.ts";
import { AUTOUPDATE, bootstrapBindings, bootstrapRoles } from "./bootstrap-policy.ts";
import { missingRules } from "./coverage.ts";
import { isDeepStrictEqual } from "node:util";

/** Who writes policy of the server's own accord. */
export const SERVER: CallContext = { user: { name: "system:fairlead", groups: ["system:masters"] } };

export async function writeBootstrapPolicy(registry: Registry): Promise<void> {
  for (const role of bootstrapRoles) await ensure(registry, clusterRoleKind, role, repairRole);
  for (const binding of bootstrapBindings)
    await ensure(registry, clusterRoleBindingKind, binding, repairBinding);
}

async function ensure<T extends KubeObject>(
  registry: Registry,
  kind: Kind<T>,
  wanted: T,
  repair: (current: T, wanted: T) => T | "replace",
): Promise<void> {
  const key = { name: wanted.metadata.name! };
  let current: T;
  try {
    current = await registry.get(kind, key);
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== "NotFound") throw error;
    await registry.create(kind, undefined, wanted, {}, SERVER);
    return;
  }
  if (current.metadata.annotations?.[AUTOUPDATE] === "false") return;
  const repaired = repair(current, wanted);
  if (repaired === "replace") {
    await registry.delete(kind, key, {}, SERVER);
    await registry.create(kind, undefined, wanted, {}, SERVER);
  } else if (!isDeepStrictEqual(repaired, current)) await registry.update(kind, key, repaired, {}, SERVER);
}

function repairRole(current: ClusterRole, wanted: ClusterRole): ClusterRole {
  const repaired = withMetadata(current, wanted);
  const selectors = wanted.aggregationRule?.clusterRoleSelectors;
  if (selectors === undefined) {
    const missing = missingRules(current.rules, wanted.rules);
    return missing.length === 0 ? repaired : { ...repaired, rules: [...current.rules, ...missing] };
  }
  // The rules of an aggregation are its controller's.
  const own = current.aggregationRule?.clusterRoleSelectors ?? [];
  const lacking = selectors.filter((selector) => !own.some((one) => isDeepStrictEqual(one, selector)));
  if (lacking.length === 0) return repaired;
  return { ...repaired, aggregationRule: { clusterRoleSelectors: [...own, ...lacking] } };
}

function repairBinding(
  current: ClusterRoleBinding,
  wanted: ClusterRoleBinding,
): ClusterRoleBinding | "replace" {
  // A binding's role cannot be changed.
  if (!isDeepStrictEqual(current.roleRef, wanted.roleRef)) return "replace";
  const own = current.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter((subject) => !own.some((one) => isSame(one, subject)));
  const repaired = withMetadata(current, wanted);
  return missing.length === 0 ? repaired : { ...repaired, subjects: [...own, ...missing] };
}

function isSame(a: Subject, b: Subject): boolean {
  return a.kind === b.kind && a.name === b.name && (a.namespace ?? "") === (b.namespace ?? "");
}

/** Labels and annotations that are there stay as they are. */
function withMetadata<T extends KubeObject>(current: T, { metadata }: T): T {
  const { labels, annotations } = current.metadata;
  return {
    ...current,
    metadata: {
      ...current.metadata,
      labels: { ...metadata.labels, ...labels },
      annotations: { ...metadata.annotations, ...annotations },
    },
  };
}
