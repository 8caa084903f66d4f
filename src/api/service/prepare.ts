/**
 * What the server does to a Service before it is validated (pkg/registry/core/service/strategy.go). Allocation of
 * addresses and node ports is the server's own (src/server/allocation); this is the part that needs nothing but the
 * object.
 */
import { isDeepStrictEqual } from "node:util";
import {
  isExternallyAccessible,
  needsClusterIp,
  needsHealthCheckNodePort,
  needsNodePorts,
} from "./traits.ts";
import type { Service, ServiceSpec } from "./type.ts";

/** A new Service has no status yet, whatever its client wrote. */
export function prepareServiceForCreate(service: Service): void {
  service.status = { loadBalancer: {} };
}

export function prepareServiceForUpdate(service: Service, old: Service): void {
  service.status = structuredClone(old.status ?? { loadBalancer: {} });
  service.spec ??= {};
  if (service.spec.type !== "LoadBalancer") service.status.loadBalancer = {};
  dropTypeDependentFields(service.spec, old.spec ?? {});
}

/** Through /status only the status changes, and metadata (annotations are written this way). */
export function prepareServiceForStatusUpdate(service: Service, old: Service): void {
  if (old.spec === undefined) delete service.spec;
  else service.spec = structuredClone(old.spec);
}

/**
 * Drops fields that the new type has no use for, if the client left them as they were: the server had filled them in,
 * and a client that changes nothing but the type must not be refused for them. On update only.
 */
export function dropTypeDependentFields(spec: ServiceSpec, old: ServiceSpec): void {
  const same = (field: keyof ServiceSpec): boolean => isDeepStrictEqual(spec[field], old[field]);
  if (needsClusterIp(old) && !needsClusterIp(spec)) {
    if (same("clusterIP") && same("clusterIPs")) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    if (same("ipFamilies")) delete spec.ipFamilies;
    if (same("ipFamilyPolicy")) delete spec.ipFamilyPolicy;
  }
  if (needsNodePorts(old) && !needsNodePorts(spec) && hasNoNewNodePorts(spec, old))
    for (const port of spec.ports ?? []) delete port.nodePort;
  if (needsHealthCheckNodePort(old) && !needsHealthCheckNodePort(spec) && same("healthCheckNodePort"))
    delete spec.healthCheckNodePort;
  if (old.type === "LoadBalancer" && spec.type !== "LoadBalancer") {
    if (same("allocateLoadBalancerNodePorts")) delete spec.allocateLoadBalancerNodePorts;
    if (same("loadBalancerClass")) delete spec.loadBalancerClass;
  }
  if (isExternallyAccessible(old) && !isExternallyAccessible(spec) && same("externalTrafficPolicy"))
    delete spec.externalTrafficPolicy;
}

/** Whether every node port of the new object was there before. */
function hasNoNewNodePorts(spec: ServiceSpec, old: ServiceSpec): boolean {
  const before = new Set((old.ports ?? []).map(({ nodePort }) => nodePort));
  return (spec.ports ?? []).every(({ nodePort }) => nodePort === undefined || before.has(nodePort));
}
