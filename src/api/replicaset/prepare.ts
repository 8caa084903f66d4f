/** What the server does to a ReplicaSet before it is validated (pkg/registry/apps/replicaset/strategy.go). */
import type { ReplicaSet } from "./type.ts";

export function prepareReplicaSetForCreate(set: ReplicaSet): void {
  set.status = { replicas: 0 };
}

export function prepareReplicaSetForUpdate(set: ReplicaSet, old: ReplicaSet): void {
  set.status = structuredClone(old.status ?? { replicas: 0 });
}

export function prepareReplicaSetForStatusUpdate(set: ReplicaSet, old: ReplicaSet): void {
  set.spec = structuredClone(old.spec ?? {});
}
