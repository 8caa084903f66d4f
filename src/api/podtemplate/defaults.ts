/** What a template's pods have when its client said nothing: what pods have (zz_generated.defaults.go). */
import { setPodSpecDefaults } from "../pod/defaults.ts";
import type { PodTemplate, PodTemplateSpec } from "./type.ts";

export function setPodTemplateSpecDefaults(template: PodTemplateSpec | undefined): void {
  if (template?.spec !== undefined) setPodSpecDefaults(template.spec);
}

export function setPodTemplateDefaults({ template }: PodTemplate): void {
  setPodTemplateSpecDefaults(template);
}
