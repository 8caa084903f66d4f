/**
 * What load balancers may ask this node: whether it has endpoints of a Service of externalTrafficPolicy Local
 * (spec.healthCheckNodePort; kube-proxy's pkg/proxy/healthcheck/service_health.go and EndpointsMap.LocalReadyEndpoints).
 */
import type { ServiceReading } from "./service-ports.ts";
import type { SliceReading } from "./slice-endpoints.ts";

export interface HealthCheck {
  /** "namespace/name". */
  readonly service: string;
  /**
   * Ready endpoints on this node, however many ports they have. Terminating ones do not count, though they may still
   * get connections: the load balancer should look elsewhere. Of two families, the one with more.
   */
  readonly localEndpoints: number;
}

/** By healthCheckNodePort. */
export type HealthCheckPorts = ReadonlyMap<number, HealthCheck>;

export interface HealthChecks {
  /** What is known of `service` now; without a reading it is gone. */
  set(service: string, reading: ServiceReading | undefined, slices: readonly SliceReading[]): void;
  /** The same object as before if nothing changed since. */
  ports(): HealthCheckPorts;
}

export function createHealthChecks(): HealthChecks {
  const known = new Map<string, { readonly port: number; readonly localEndpoints: number }>();
  let ports: HealthCheckPorts | undefined;

  return {
    set(service, reading, slices) {
      const port = reading?.healthCheckNodePort;
      const before = known.get(service);
      if (port === undefined) {
        if (known.delete(service)) ports = undefined;
        return;
      }
      const localEndpoints = countLocal(slices);
      if (before?.port === port && before.localEndpoints === localEndpoints) return;
      known.set(service, { port, localEndpoints });
      ports = undefined;
    },
    ports() {
      if (ports !== undefined) return ports;
      const found = new Map<number, HealthCheck>();
      // The allocator gives no port twice; should one be there twice all the same, the answer must not hang on the order.
      for (const [service, { port, localEndpoints }] of Array.from(known).sort(([a], [b]) =>
        a < b ? -1 : 1,
      ))
        if (!found.has(port)) found.set(port, { service, localEndpoints });
      return (ports = found);
    },
  };
}

function countLocal(slices: readonly SliceReading[]): number {
  const addresses = { 4: new Set<string>(), 6: new Set<string>() };
  for (const { family, localReady } of slices)
    for (const address of localReady) addresses[family].add(address);
  return Math.max(addresses[4].size, addresses[6].size);
}
