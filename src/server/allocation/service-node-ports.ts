/** Which node ports a Service takes and gives back (pkg/registry/core/service/storage/alloc.go). */
import { type FieldError, invalidValue } from "../../api/field-error.ts";
import type { ServicePort, ServiceSpec } from "../../api/service/type.ts";
import { NotInRangeError, TakenError } from "./errors.ts";
import type { PortSpace } from "./port-space.ts";
import type { AllocationTransaction } from "./transaction.ts";

function mayHaveNodePorts(spec: ServiceSpec): boolean {
  return spec.type === "NodePort" || spec.type === "LoadBalancer";
}

function wantsNodePorts(spec: ServiceSpec): boolean {
  return (
    spec.type === "NodePort" || (spec.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false)
  );
}

function wantsHealthCheckPort(spec: ServiceSpec): boolean {
  return spec.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local";
}

/** The node ports an object holds. One that is written in a Service of another type is only text. */
export function heldNodePorts(spec: ServiceSpec): Set<number> {
  const held = new Set<number>();
  if (mayHaveNodePorts(spec))
    for (const { nodePort = 0 } of spec.ports ?? []) if (nodePort !== 0) held.add(nodePort);
  if (wantsHealthCheckPort(spec) && (spec.healthCheckNodePort ?? 0) !== 0)
    held.add(spec.healthCheckNodePort!);
  return held;
}

/** Fills in node ports that an update left out: a port keeps its node port by its name. */
export function keepNodePorts(spec: ServiceSpec, old: ServiceSpec): void {
  if (mayHaveNodePorts(spec) && mayHaveNodePorts(old)) {
    const asked = new Set((spec.ports ?? []).map(({ nodePort }) => nodePort));
    const byName = new Map((old.ports ?? []).map((port) => [port.name ?? "", port.nodePort ?? 0]));
    const used = new Set([...byName.values()].filter((nodePort) => asked.has(nodePort)));
    for (const port of spec.ports ?? []) {
      const before = byName.get(port.name ?? "") ?? 0;
      if ((port.nodePort ?? 0) !== 0 || before === 0 || used.has(before)) continue;
      port.nodePort = before;
      used.add(before);
    }
  }
  if (wantsHealthCheckPort(spec) && wantsHealthCheckPort(old) && (spec.healthCheckNodePort ?? 0) === 0)
    if (old.healthCheckNodePort !== undefined) spec.healthCheckNodePort = old.healthCheckNodePort;
}

/**
 * Takes the node ports of `spec` that are not in `held` already, and fills them in.
 * Throws RangeFullError; what was asked for and cannot be had is returned.
 */
export function takeNodePorts(
  spec: ServiceSpec,
  held: ReadonlySet<number>,
  space: PortSpace,
  transaction: AllocationTransaction,
): FieldError[] {
  const errors: FieldError[] = [];
  const take = (field: string, nodePort: number): void => {
    try {
      transaction.take(space, nodePort);
    } catch (error) {
      if (!(error instanceof TakenError || error instanceof NotInRangeError)) throw error;
      errors.push(invalidValue(field, nodePort, error.message));
    }
  };
  /** By port: two protocols on one port share the node port. */
  const chosen = new Map<number, number>();
  const seen = new Set(held);
  for (const [i, port] of mayHaveNodePorts(spec) ? (spec.ports ?? []).entries() : []) {
    const asked = askedNodePort(port, spec.ports!);
    if (asked === 0 && !wantsNodePorts(spec)) continue;
    const shared = chosen.get(port.port);
    if (asked !== 0) {
      if (!seen.has(asked)) take(`spec.ports[${i}].nodePort`, asked);
      port.nodePort = asked;
    } else port.nodePort = shared ?? transaction.takeAny(space);
    seen.add(port.nodePort);
    if (shared === undefined) chosen.set(port.port, port.nodePort);
  }
  if (wantsHealthCheckPort(spec)) {
    const asked = spec.healthCheckNodePort ?? 0;
    if (asked === 0) spec.healthCheckNodePort = transaction.takeAny(space);
    else if (!held.has(asked)) take("spec.healthCheckNodePort", asked);
  }
  return errors;
}

/** The node port asked for, by this port or by another one with the same number; 0: none. */
function askedNodePort(port: ServicePort, all: readonly ServicePort[]): number {
  if ((port.nodePort ?? 0) !== 0) return port.nodePort!;
  return all.find((other) => other.port === port.port && (other.nodePort ?? 0) !== 0)?.nodePort ?? 0;
}
