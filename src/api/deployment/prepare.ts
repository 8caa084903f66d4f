/** What the server does to a Deployment before it is validated (pkg/registry/apps/deployment/strategy.go). */
import { isDeepStrictEqual } from "node:util";
import type { Deployment } from "./type.ts";

export function prepareDeploymentForCreate(deployment: Deployment): void {
  deployment.status = {};
}

export function prepareDeploymentForUpdate(deployment: Deployment, old: Deployment): void {
  deployment.status = structuredClone(old.status ?? {});
  // Unlike other kinds', a Deployment's generation also counts changes of annotations, which its ReplicaSets get.
  const { metadata } = deployment;
  if (!isDeepStrictEqual(metadata.annotations ?? {}, old.metadata.annotations ?? {}))
    metadata.generation = (old.metadata.generation ?? 0) + 1;
}

export function prepareDeploymentForStatusUpdate(deployment: Deployment, old: Deployment): void {
  if (old.spec === undefined) delete deployment.spec;
  else deployment.spec = structuredClone(old.spec);
  const { labels } = old.metadata;
  if (labels === undefined) delete deployment.metadata.labels;
  else deployment.metadata.labels = { ...labels };
}
