/** What a Deployment has when its client said nothing (pkg/apis/apps/v1/defaults.go SetDefaults_Deployment). */
import { setPodTemplateSpecDefaults } from "../podtemplate/defaults.ts";
import type { Deployment } from "./type.ts";

const STEP = "25%";
const REVISION_HISTORY_LIMIT = 10;
const PROGRESS_DEADLINE_SECONDS = 600;

export function setDeploymentDefaults({ spec }: Deployment): void {
  if (spec === undefined) return;
  spec.replicas ??= 1;
  const strategy = (spec.strategy ??= {});
  strategy.type ??= "RollingUpdate";
  if (strategy.type === "RollingUpdate") {
    strategy.rollingUpdate ??= {};
    strategy.rollingUpdate.maxUnavailable ??= STEP;
    strategy.rollingUpdate.maxSurge ??= STEP;
  }
  spec.revisionHistoryLimit ??= REVISION_HISTORY_LIMIT;
  spec.progressDeadlineSeconds ??= PROGRESS_DEADLINE_SECONDS;
  setPodTemplateSpecDefaults(spec.template);
}
