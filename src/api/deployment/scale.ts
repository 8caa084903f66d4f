/** A Deployment as a Scale (pkg/registry/apps/deployment/storage scaleFromDeployment). */
import type { ScaleSubresource } from "../kind.ts";
import { selectorText } from "../replicaset/scale.ts";
import type { Deployment } from "./type.ts";

export const deploymentScale: ScaleSubresource<Deployment> = {
  read: ({ spec, status }) => ({
    replicas: spec?.replicas ?? 0,
    ready: status?.replicas ?? 0,
    selector: selectorText(spec?.selector),
  }),
  write(deployment, replicas) {
    deployment.spec = { template: {}, ...deployment.spec, replicas };
  },
};
