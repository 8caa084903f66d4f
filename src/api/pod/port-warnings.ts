/** Warnings about ports of containers that get in each other's way (pkg/api/pod/warnings.go). */
import type { ContainerPort } from "./container-type.ts";

/** `containers` with their paths, in the order of upstream: those that begin first come first. */
export function portWarnings(
  containers: readonly (readonly [string, { readonly ports?: readonly ContainerPort[] }])[],
): string[] {
  const warnings: string[] = [];
  const known = new Map<string, { readonly field: string; readonly port: ContainerPort }[]>();
  for (const [at, { ports = [] }] of containers)
    for (const [i, port] of ports.entries()) {
      const field = `${at}.ports[${i}]`;
      const { hostIP = "", hostPort = 0, containerPort, protocol = "" } = port;
      if (hostIP !== "" && hostPort === 0)
        warnings.push(`${field}: hostIP set without hostPort: ${goStruct(port)}`);
      const key = `${containerPort}/${protocol}`;
      const others = known.get(key) ?? [];
      for (const other of others) {
        const trouble = troubleOf(port, other.port);
        if (trouble !== undefined) warnings.push(`${field}: ${trouble} port definition with ${other.field}`);
      }
      known.set(key, [...others, { field, port }]);
    }
  return warnings;
}

/** What two definitions of one port and protocol are to each other, if they are in each other's way. */
function troubleOf(a: ContainerPort, b: ContainerPort): string | undefined {
  const [hostPort, otherHostPort] = [a.hostPort ?? 0, b.hostPort ?? 0];
  const [hostIP, otherHostIP] = [a.hostIP ?? "", b.hostIP ?? ""];
  if (hostIP === otherHostIP && hostPort === otherHostPort) return "duplicate";
  // No port of the host is a part of any other definition: odd, but not dangerous.
  if (hostPort === 0 || otherHostPort === 0) return "overlapping";
  const oneIsAnywhere = (hostIP === "") !== (otherHostIP === "");
  return hostPort === otherHostPort && oneIsAnywhere ? "dangerously ambiguous" : undefined;
}

/** As Go prints its ContainerPort. */
function goStruct({ name, hostPort, containerPort, protocol, hostIP }: ContainerPort): string {
  return `{Name:${name ?? ""} HostPort:${hostPort ?? 0} ContainerPort:${containerPort} Protocol:${protocol ?? ""} HostIP:${hostIP ?? ""}}`;
}
