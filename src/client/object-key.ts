/** How objects are named in caches and queues, and how their versions compare. */
import type { KubeObject } from "../api/meta/type.ts";

/** "namespace/name", or "name" for kinds without namespaces. Names hold no slash, so the two never meet. */
export type ObjectKeyText = string;

export function keyText(namespace: string | undefined, name: string): ObjectKeyText {
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

export function keyOf(object: KubeObject): ObjectKeyText {
  return keyText(object.metadata.namespace, object.metadata.name ?? "");
}

export function splitKey(key: ObjectKeyText): { readonly namespace?: string; readonly name: string } {
  const slash = key.indexOf("/");
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/**
 * Below 0, 0 or above 0 as version `a` is before, the same as or after `b`; undefined if they cannot be compared.
 * Resource versions of one kind are decimal numbers that grow (promised since Kubernetes 1.35, KEP-5504; true of
 * every version before it). A server whose versions are something else still works: see Informer.observe.
 */
export function compareVersions(a: string | undefined, b: string | undefined): number | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a === b) return 0;
  if (!/^[1-9]\d*$/.test(a) || !/^[1-9]\d*$/.test(b)) return undefined;
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : 1;
}
