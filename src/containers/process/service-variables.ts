/** Variables that tell a container of Services, as the kubelet makes them (pkg/kubelet/envvars, kubelet_pods.go). Pure. */
import type { Service } from "../../api/service/type.ts";

/** The Service by which pods reach the API; every pod is told of it, whatever its namespace. */
const API_SERVICE = { namespace: "default", name: "kubernetes" };

export interface LinkedServices {
  /** All that exist when the container starts. */
  readonly services: Iterable<Service>;
  readonly namespace: string;
  /** v1 PodSpec, field enableServiceLinks: whether the container is told of Services of its own namespace. */
  readonly enableServiceLinks: boolean;
}

/**
 * Two forms for each Service with a virtual address: `REDIS_SERVICE_HOST`, `REDIS_SERVICE_PORT`, `REDIS_SERVICE_PORT_<NAME>`
 * for named ports, and those of Docker's old links, `REDIS_PORT`, `REDIS_PORT_6379_TCP` and its `_PROTO`, `_PORT`, `_ADDR`.
 */
export function serviceVariables(linked: LinkedServices): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const service of chosenServices(linked)) {
    const { clusterIP = "", ports = [] } = service.spec ?? {};
    const prefix = variableName(service.metadata.name ?? "");
    variables[`${prefix}_SERVICE_HOST`] = clusterIP;
    for (const [i, { name, port, protocol = "TCP" }] of ports.entries()) {
      const url = `${protocol.toLowerCase()}://${clusterIP.includes(":") ? `[${clusterIP}]` : clusterIP}:${port}`;
      if (i === 0) {
        variables[`${prefix}_SERVICE_PORT`] = String(port);
        variables[`${prefix}_PORT`] = url;
      }
      if (name !== undefined && name !== "")
        variables[`${prefix}_SERVICE_PORT_${variableName(name)}`] = String(port);
      const link = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
      variables[link] = url;
      variables[`${link}_PROTO`] = protocol.toLowerCase();
      variables[`${link}_PORT`] = String(port);
      variables[`${link}_ADDR`] = clusterIP;
    }
  }
  return variables;
}

/** A Service `kubernetes` of the pod's own namespace hides the API's. */
function chosenServices({ services, namespace, enableServiceLinks }: LinkedServices): Service[] {
  const chosen = new Map<string, Service>();
  for (const service of services) {
    const { clusterIP = "" } = service.spec ?? {};
    if (clusterIP === "" || clusterIP === "None") continue;
    const { name = "", namespace: own } = service.metadata;
    const isApi = own === API_SERVICE.namespace && name === API_SERVICE.name;
    if (own === namespace && (enableServiceLinks || isApi)) chosen.set(name, service);
    else if (isApi && !chosen.has(name)) chosen.set(name, service);
  }
  return Array.from(chosen.values());
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}
