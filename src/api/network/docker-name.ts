/** How a Network and the container engine's network of it are called. */

/** The tenant that Contiv's names leave out. */
const DEFAULT_NAMESPACE = "default";

/**
 * The name of the engine's network: "net" in the namespace `default`, else "net/namespace" (Contiv's
 * netplugin, drivers: the tenant after a slash). No name of an object has a slash, so each name is one Network's.
 */
export function dockerNetworkName(namespace: string, name: string): string {
  return namespace === DEFAULT_NAMESPACE ? name : `${name}/${namespace}`;
}

/** Whose Network the engine's network of this name would be. */
export function dockerNetworkNamespace(dockerName: string): string {
  const slash = dockerName.indexOf("/");
  return slash < 0 ? DEFAULT_NAMESPACE : dockerName.slice(slash + 1);
}
