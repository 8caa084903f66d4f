/**
 * What the server does to a Lease before it is validated (pkg/registry/coordination/lease). Coordinated election is behind
 * a feature gate that is off in Kubernetes 1.34 (CoordinatedLeaderElection): its fields are dropped.
 */
import type { Lease } from "./type.ts";

export function prepareLease({ spec }: Lease, old?: Lease): void {
  if (spec === undefined) return;
  // What is there from another server stays.
  if (old?.spec?.strategy === undefined) delete spec.strategy;
  if (old?.spec?.preferredHolder === undefined) delete spec.preferredHolder;
}
