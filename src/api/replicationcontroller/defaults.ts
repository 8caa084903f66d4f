/** What a ReplicationController has when its client said nothing (pkg/apis/core/v1/defaults.go). */
import { setPodTemplateSpecDefaults } from "../podtemplate/defaults.ts";
import type { ReplicationController } from "./type.ts";

/** The template's labels are also the selector and the controller's own labels, where these are not given. */
export function setReplicationControllerDefaults({ metadata, spec }: ReplicationController): void {
  if (spec === undefined) return;
  const labels = spec.template?.metadata?.labels;
  if (labels !== undefined) {
    if (isEmpty(spec.selector)) spec.selector = { ...labels };
    if (isEmpty(metadata.labels)) metadata.labels = { ...labels };
  }
  spec.replicas ??= 1;
  setPodTemplateSpecDefaults(spec.template);
}

function isEmpty(labels: Readonly<Record<string, string>> | undefined): boolean {
  return Object.keys(labels ?? {}).length === 0;
}
