/** Which counts of replicas can be true (pkg/apis/apps/validation ValidateReplicaSetStatus; core has the same). */
import type { FieldError } from "../field-error.ts";
import { invalidValue } from "../field-error.ts";
import { checkNonNegative } from "../validation/checks.ts";

/** The counts that statuses of ReplicaSets and ReplicationControllers have. */
export interface ReplicaCounts {
  readonly replicas?: number;
  readonly fullyLabeledReplicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly terminatingReplicas?: number;
  readonly observedGeneration?: number;
}

export function validateReplicaCounts(status: ReplicaCounts): FieldError[] {
  const counts = [
    "replicas",
    "fullyLabeledReplicas",
    "readyReplicas",
    "availableReplicas",
    "terminatingReplicas",
    "observedGeneration",
  ] as const;
  return [
    ...counts.flatMap((name) => checkNonNegative(`status.${name}`, status[name])),
    ...checkParts(status, ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"]),
  ];
}

/** None of `parts` is more than all, and no more are available than are ready. */
export function checkParts<P extends string>(
  status: Readonly<Partial<Record<P | "replicas" | "readyReplicas" | "availableReplicas", number>>>,
  parts: readonly P[],
): FieldError[] {
  const all = status.replicas ?? 0;
  const errors = parts
    .filter((name) => (status[name] ?? 0) > all)
    .map((name) => invalidValue(`status.${name}`, status[name], "cannot be greater than status.replicas"));
  const { readyReplicas = 0, availableReplicas = 0 } = status;
  if (availableReplicas > readyReplicas)
    errors.push(
      invalidValue("status.availableReplicas", availableReplicas, "cannot be greater than readyReplicas"),
    );
  return errors;
}
