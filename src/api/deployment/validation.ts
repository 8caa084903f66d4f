/** Which Deployments are acceptable (pkg/apis/apps/validation ValidateDeployment and its kin). */
import type { FieldError } from "../field-error.ts";
import { forbiddenField, invalidValue, notSupported } from "../field-error.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkParts } from "../replicaset/status-validation.ts";
import { checkSelectedTemplate, checkSelectorUnchanged } from "../replicaset/validation.ts";
import { checkNonNegative } from "../validation/checks.ts";
import { checkAtMostAll, checkIntOrPercent, isZero } from "../validation/int-or-percent.ts";
import { dns1123SubdomainComplaints } from "../validation/names.ts";
import type { Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment } from "./type.ts";

const RULES = { namespaced: true, nameComplaints: dns1123SubdomainComplaints };

export function validateDeployment({ metadata, spec }: Deployment): FieldError[] {
  return [...validateObjectMeta(metadata, RULES), ...checkSpec(spec)];
}

export function validateDeploymentUpdate({ metadata, spec }: Deployment, old: Deployment): FieldError[] {
  return [
    ...validateObjectMetaUpdate(metadata, old.metadata),
    ...checkSpec(spec),
    ...checkSelectorUnchanged(spec?.selector, old.spec?.selector),
  ];
}

export function validateDeploymentStatusUpdate(
  { metadata, status = {} }: Deployment,
  old: Deployment,
): FieldError[] {
  const counts = [
    "observedGeneration",
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
    "terminatingReplicas",
    "collisionCount",
  ] as const;
  const errors = [
    ...validateObjectMetaUpdate(metadata, old.metadata),
    ...counts.flatMap((name) => checkNonNegative(`status.${name}`, status[name])),
    ...checkParts(status, ["updatedReplicas", "readyReplicas", "availableReplicas"]),
  ];
  const { collisionCount = 0 } = status;
  if (collisionCount < (old.status?.collisionCount ?? 0))
    errors.push(invalidValue("status.collisionCount", collisionCount, "cannot be decremented"));
  return errors;
}

function checkSpec(spec: DeploymentSpec | undefined): FieldError[] {
  const { replicas, minReadySeconds = 0, progressDeadlineSeconds: deadline } = spec ?? {};
  const errors = [
    ...checkNonNegative("spec.replicas", replicas),
    ...checkSelectedTemplate(spec?.selector, spec?.template),
    ...checkStrategy("spec.strategy", spec?.strategy ?? {}),
    ...checkNonNegative("spec.minReadySeconds", minReadySeconds),
    ...checkNonNegative("spec.revisionHistoryLimit", spec?.revisionHistoryLimit),
    ...checkNonNegative("spec.progressDeadlineSeconds", deadline),
  ];
  if (deadline !== undefined && deadline <= minReadySeconds)
    errors.push(
      invalidValue("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"),
    );
  return errors;
}

function checkStrategy(field: string, { type, rollingUpdate }: DeploymentStrategy): FieldError[] {
  switch (type) {
    case "Recreate":
      return rollingUpdate === undefined
        ? []
        : [
            forbiddenField(
              `${field}.rollingUpdate`,
              "may not be specified when strategy `type` is 'Recreate'",
            ),
          ];
    case "RollingUpdate":
      return checkSteps(`${field}.rollingUpdate`, rollingUpdate ?? {});
    default:
      return [notSupported(field, { type, rollingUpdate }, ["Recreate", "RollingUpdate"])];
  }
}

function checkSteps(
  field: string,
  { maxUnavailable = 0, maxSurge = 0 }: RollingUpdateDeployment,
): FieldError[] {
  const errors = [
    ...checkIntOrPercent(`${field}.maxUnavailable`, maxUnavailable),
    ...checkIntOrPercent(`${field}.maxSurge`, maxSurge),
  ];
  if (isZero(maxUnavailable) && isZero(maxSurge))
    errors.push(invalidValue(`${field}.maxUnavailable`, maxUnavailable, "may not be 0 when `maxSurge` is 0"));
  return [...errors, ...checkAtMostAll(`${field}.maxUnavailable`, maxUnavailable)];
}
