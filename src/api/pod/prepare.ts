/** What the server does to a Pod before it is validated (pkg/registry/core/pod/strategy.go). */
import { dropDisabledFields } from "./disabled-fields.ts";
import { mergeLabelKeys } from "./label-keys.ts";
import { podQosClass } from "./qos.ts";
import type { Pod } from "./type.ts";

/** A new pod has not run yet, whatever its client wrote. */
export function preparePodForCreate(pod: Pod): void {
  if (pod.spec !== undefined) dropDisabledFields(pod.spec);
  mergeLabelKeys(pod);
  pod.status = { phase: "Pending", qosClass: podQosClass(pod) };
  if ((pod.spec?.schedulingGates ?? []).length > 0)
    pod.status.conditions = [
      {
        type: "PodScheduled",
        status: "False",
        reason: "SchedulingGated",
        message: "Scheduling is blocked due to non-empty scheduling gates",
      },
    ];
}

export function preparePodForUpdate(pod: Pod, old: Pod): void {
  if (pod.spec !== undefined) dropDisabledFields(pod.spec, old.spec);
  pod.status = structuredClone(old.status ?? {});
}

/** Through /status the specification and the owners stay as they are. */
export function preparePodForStatusUpdate(pod: Pod, old: Pod): void {
  if (old.spec !== undefined) pod.spec = structuredClone(old.spec);
  if (old.metadata.ownerReferences === undefined) delete pod.metadata.ownerReferences;
  else pod.metadata.ownerReferences = structuredClone(old.metadata.ownerReferences);
  const qosClass = pod.status?.qosClass ?? old.status?.qosClass;
  if (pod.status !== undefined && qosClass !== undefined) pod.status.qosClass = qosClass;
}
