/** Where the API has a kind, an object, and what is asked of it (API concepts: resource URIs). */
import type { KindName } from "../../api/kind.ts";

export interface ResourcePath {
  readonly namespace?: string | undefined;
  readonly name?: string;
  readonly subresource?: string | undefined;
}

/** "/api/v1/namespaces/default/services/web/status". */
export function resourcePath(kind: KindName, { namespace, name, subresource }: ResourcePath = {}): string {
  const parts = kind.group === "" ? ["api", kind.version] : ["apis", kind.group, kind.version];
  if (kind.namespaced && namespace !== undefined && namespace !== "") parts.push("namespaces", namespace);
  parts.push(kind.plural);
  if (name !== undefined) parts.push(name);
  if (subresource !== undefined) parts.push(subresource);
  return `/${parts.map(encodeURIComponent).join("/")}`;
}

export type QueryValue = string | number | boolean | undefined;

/** "?a=b&c=d" of the values that are there, or "". */
export function queryString(query: Readonly<Record<string, QueryValue>>): string {
  const text = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) text.set(key, String(value));
  return text.size === 0 ? "" : `?${text.toString()}`;
}
