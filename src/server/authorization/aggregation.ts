/** ClusterRoles whose rules are those of others, chosen by labels (controller clusterroleaggregation). Pure. */
import { isDeepStrictEqual } from "node:util";
import type { ClusterRole } from "../../api/clusterrole/type.ts";
import type { PolicyRule } from "../../api/role/type.ts";
import { labelSelectorTerms } from "../../api/selector/label-selector.ts";
import { matchesLabels } from "../../api/selector/requirement.ts";

/** The rules that `role` is to have; undefined if they are its own. `roles` are all ClusterRoles, by name. */
export function aggregatedRules(
  { metadata, aggregationRule }: ClusterRole,
  roles: ReadonlyMap<string, ClusterRole>,
): readonly PolicyRule[] | undefined {
  if (aggregationRule === undefined) return undefined;
  const sorted = [...roles.keys()].sort().map((name) => roles.get(name)!);
  const rules: PolicyRule[] = [];
  for (const selector of aggregationRule.clusterRoleSelectors ?? []) {
    const terms = labelSelectorTerms(selector)!;
    for (const other of sorted) {
      if (other.metadata.name === metadata.name || !matchesLabels(terms, other.metadata.labels)) continue;
      for (const rule of other.rules)
        if (!rules.some((known) => isDeepStrictEqual(known, rule))) rules.push(rule);
    }
  }
  return rules;
}
