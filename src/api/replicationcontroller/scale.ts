/** A ReplicationController as a Scale (pkg/registry/core/replicationcontroller/storage scaleFromRC). */
import type { ScaleSubresource } from "../kind.ts";
import { labelTerms } from "../selector/label-selector.ts";
import { formatLabelSelector } from "../selector/requirement.ts";
import type { ReplicationController } from "./type.ts";

export const replicationControllerScale: ScaleSubresource<ReplicationController> = {
  read: ({ spec, status }) => ({
    replicas: spec?.replicas ?? 0,
    ready: status?.replicas ?? 0,
    selector: formatLabelSelector(labelTerms(spec?.selector)),
  }),
  write(controller, replicas) {
    controller.spec = { ...controller.spec, replicas };
  },
};
