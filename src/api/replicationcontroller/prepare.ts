/** What the server does to a ReplicationController before it is validated (pkg/registry/core/replicationcontroller). */
import type { ReplicationController } from "./type.ts";

export function prepareReplicationControllerForCreate(controller: ReplicationController): void {
  controller.status = { replicas: 0 };
}

export function prepareReplicationControllerForUpdate(
  controller: ReplicationController,
  old: ReplicationController,
): void {
  controller.status = structuredClone(old.status ?? { replicas: 0 });
}

export function prepareReplicationControllerForStatusUpdate(
  controller: ReplicationController,
  old: ReplicationController,
): void {
  controller.spec = structuredClone(old.spec ?? {});
}
