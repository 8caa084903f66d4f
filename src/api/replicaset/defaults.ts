/** What a ReplicaSet has when its client said nothing (pkg/apis/apps/v1/defaults.go SetDefaults_ReplicaSet). */
import { setPodTemplateSpecDefaults } from "../podtemplate/defaults.ts";
import type { ReplicaSet } from "./type.ts";

export function setReplicaSetDefaults({ spec }: ReplicaSet): void {
  if (spec === undefined) return;
  spec.replicas ??= 1;
  setPodTemplateSpecDefaults(spec.template);
}
