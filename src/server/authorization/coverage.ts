/** Whether some rules allow all that others do: nobody may grant what they do not have (component-helpers Covers). */
import type { PolicyRule } from "../../api/role/type.ts";
import { goQuoteList } from "./go-text.ts";
import { pathPrefix } from "./rule.ts";

/** A rule about one verb on one resource, perhaps of one name; or about one verb on one path. */
interface Part {
  readonly verb: string;
  readonly group?: string;
  readonly resource?: string;
  readonly name?: string;
  readonly path?: string;
}

/** The parts of `wanted` that no rule of `held` covers, put together again to few rules. */
export function missingRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  const missing = wanted.flatMap(partsOf).filter((part) => !held.some((rule) => covers(rule, part)));
  return compact(missing);
}

function partsOf({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): Part[] {
  const parts: Part[] = [];
  for (const group of apiGroups ?? [])
    for (const resource of resources ?? [])
      for (const verb of verbs) {
        if ((resourceNames ?? []).length === 0) parts.push({ verb, group, resource });
        for (const name of resourceNames ?? []) parts.push({ verb, group, resource, name });
      }
  for (const path of nonResourceURLs ?? []) for (const verb of verbs) parts.push({ verb, path });
  return parts;
}

function covers(rule: PolicyRule, { verb, group, resource, name, path }: Part): boolean {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  if (!hasOrAll(verbs, verb)) return false;
  if (path !== undefined) return nonResourceURLs.some((own) => coversPath(own, path));
  if (!hasOrAll(apiGroups, group!) || !coversResource(resources, resource!)) return false;
  return resourceNames.length === 0 || (name !== undefined && resourceNames.includes(name));
}

function hasOrAll(list: readonly string[], value: string): boolean {
  return list.includes("*") || list.includes(value);
}

function coversResource(resources: readonly string[], wanted: string): boolean {
  if (hasOrAll(resources, wanted)) return true;
  const slash = wanted.indexOf("/");
  return slash >= 0 && resources.includes(`*${wanted.slice(slash)}`);
}

function coversPath(own: string, wanted: string): boolean {
  return own === wanted || (own.endsWith("*") && wanted.startsWith(pathPrefix(own)));
}

/** Parts that differ in their verbs only become one rule; those about paths stay apart, as upstream leaves them. */
function compact(parts: readonly Part[]): PolicyRule[] {
  const rules: PolicyRule[] = [];
  const byResource = new Map<string, PolicyRule>();
  for (const { verb, group, resource, name, path } of parts) {
    if (path !== undefined) {
      rules.push({ verbs: [verb], nonResourceURLs: [path] });
      continue;
    }
    const key = JSON.stringify([group, resource, name]);
    const known = byResource.get(key);
    if (known !== undefined) known.verbs.push(verb);
    else {
      const rule: PolicyRule = {
        verbs: [verb],
        apiGroups: [group!],
        resources: [resource!],
        ...(name !== undefined && { resourceNames: [name] }),
      };
      byResource.set(key, rule);
      rules.push(rule);
    }
  }
  return rules;
}

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}` (apis/rbac/v1 CompactString). */
export function describeRule(rule: PolicyRule): string {
  const parts: [string, readonly string[] | undefined][] = [
    ["APIGroups", rule.apiGroups],
    ["Resources", rule.resources],
    ["NonResourceURLs", rule.nonResourceURLs],
    ["ResourceNames", rule.resourceNames],
    ["Verbs", rule.verbs],
  ];
  const texts = parts.flatMap(([name, list = []]) =>
    list.length === 0 ? [] : [`${name}:${goQuoteList(list)}`],
  );
  return `{${texts.join(", ")}}`;
}
