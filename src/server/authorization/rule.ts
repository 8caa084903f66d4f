/** One policy rule, made ready to be asked about requests (component-helpers/auth/rbac/validation, RuleAllows). */
import type { PolicyRule } from "../../api/role/type.ts";
import type { Attributes, PathAttributes, ResourceAttributes } from "./attributes.ts";

const ALL = "*";

/** Undefined: every value. */
type Values = ReadonlySet<string> | undefined;

export class CompiledRule {
  readonly source: PolicyRule;
  readonly #verbs: Values;
  readonly #groups: Values;
  readonly #resources: Values;
  readonly #names: Values;
  readonly #paths: Values;
  /** What paths may begin with. */
  readonly #pathPrefixes: readonly string[];

  constructor(source: PolicyRule) {
    const { verbs, apiGroups, resources, resourceNames = [], nonResourceURLs = [] } = source;
    this.source = source;
    this.#verbs = valuesOf(verbs);
    this.#groups = valuesOf(apiGroups);
    this.#resources = valuesOf(resources);
    // A "*" among the names is a name: there is no object of that name.
    this.#names = resourceNames.length === 0 ? undefined : new Set(resourceNames);
    this.#paths = new Set(nonResourceURLs);
    this.#pathPrefixes = nonResourceURLs.filter((path) => path.endsWith(ALL)).map(pathPrefix);
  }

  allows(attributes: Attributes): boolean {
    if (!contains(this.#verbs, attributes.verb)) return false;
    return "path" in attributes ? this.#allowsPath(attributes) : this.#allowsResource(attributes);
  }

  #allowsResource({ group, resource, subresource, name }: ResourceAttributes): boolean {
    if (!contains(this.#groups, group)) return false;
    if (this.#names !== undefined && !this.#names.has(name)) return false;
    const resources = this.#resources;
    if (resources === undefined) return true;
    if (subresource === "") return resources.has(resource);
    return resources.has(`${resource}/${subresource}`) || resources.has(`${ALL}/${subresource}`);
  }

  #allowsPath({ path }: PathAttributes): boolean {
    return contains(this.#paths, path) || this.#pathPrefixes.some((prefix) => path.startsWith(prefix));
  }
}

/** "/api/*" covers what begins with "/api/"; stars at the end count as one. */
export function pathPrefix(path: string): string {
  return path.replace(/\*+$/, "");
}

function valuesOf(list: readonly string[] = []): Values {
  return list.includes(ALL) ? undefined : new Set(list);
}

function contains(values: Values, value: string): boolean {
  return values === undefined || values.has(value);
}
