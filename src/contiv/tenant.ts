/** A tenant as Contiv has it, and the Namespace it is in Kubernetes. Pure. */
import type { Namespace } from "../api/namespace/type.ts";
import { contivName, kubernetesName, nameAnnotation } from "./names.ts";
import type { TenantConfig } from "./wire.ts";

/** Contiv's "defaultNetwork": recorded. */
const DEFAULT_NETWORK_ANNOTATION = "fairlead.dev/default-network";

export function tenantConfig(namespace: Namespace): TenantConfig {
  const tenantName = contivName("tenants", namespace);
  return {
    key: tenantName,
    tenantName,
    defaultNetwork: namespace.metadata.annotations?.[DEFAULT_NETWORK_ANNOTATION] ?? "",
  };
}

/** Of a config that was checked. */
export function namespaceOf({ tenantName, defaultNetwork = "" }: TenantConfig): Namespace {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: kubernetesName("tenants", tenantName),
      annotations: {
        ...nameAnnotation("tenants", tenantName),
        ...(defaultNetwork !== "" && { [DEFAULT_NETWORK_ANNOTATION]: defaultNetwork }),
      },
    },
  };
}
