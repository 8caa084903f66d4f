/** What a CustomResourceDefinition has when its client said nothing (apiextensions/v1/defaults.go). */
import { normalizeAdditionalProperties } from "./additional-properties.ts";
import type { CustomResourceDefinition, CustomResourceDefinitionNames } from "./type.ts";

export function setCustomResourceDefinitionDefaults({ spec }: CustomResourceDefinition): void {
  setNameDefaults(spec.names);
  spec.conversion ??= { strategy: "None" };
  for (const { schema } of spec.versions)
    if (schema?.openAPIV3Schema !== undefined) normalizeAdditionalProperties(schema.openAPIV3Schema);
}

function setNameDefaults(names: CustomResourceDefinitionNames): void {
  names.singular ??= names.kind.toLowerCase();
  if (names.listKind === undefined && names.kind !== "") names.listKind = `${names.kind}List`;
}
