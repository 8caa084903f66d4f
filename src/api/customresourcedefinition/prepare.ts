/** What the server does to a CustomResourceDefinition before it is validated (registry/customresourcedefinition/strategy.go). */
import type { CustomResourceDefinition, CustomResourceDefinitionStatus } from "./type.ts";
import { CLEANUP_FINALIZER } from "./type.ts";

export function prepareDefinitionForCreate(definition: CustomResourceDefinition): void {
  definition.status = emptyStatus();
  noteStoredVersion(definition);
  // Upstream's controller adds it as soon as it sees the definition; nobody can delete it before here.
  const { metadata } = definition;
  metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), CLEANUP_FINALIZER])];
}

export function prepareDefinitionForUpdate(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition,
): void {
  definition.status = structuredClone(old.status ?? emptyStatus());
  noteStoredVersion(definition);
}

export function prepareDefinitionForStatusUpdate(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition,
): void {
  definition.spec = structuredClone(old.spec);
}

function emptyStatus(): CustomResourceDefinitionStatus {
  return { conditions: [], acceptedNames: { plural: "", kind: "" }, storedVersions: [] };
}

function noteStoredVersion({ spec, status }: CustomResourceDefinition): void {
  const storage = spec.versions.find((version) => version.storage);
  if (storage !== undefined && !status!.storedVersions.includes(storage.name))
    status!.storedVersions.push(storage.name);
}
