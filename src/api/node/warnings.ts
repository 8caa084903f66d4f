/** What is worth a warning about a Node that is accepted (pkg/registry/core/node/strategy.go). */
import { rangeWarnings } from "../validation/address-warnings.ts";
import type { Node } from "./type.ts";

export function nodeWarnings({ spec = {} }: Node): string[] {
  const warnings: string[] = [];
  if (spec.configSource !== undefined) warnings.push("spec.configSource: the feature is removed");
  if ((spec.externalID ?? "") !== "")
    warnings.push("spec.externalID: this field is deprecated, and is unused by Kubernetes");
  return [
    ...warnings,
    ...(spec.podCIDRs ?? []).flatMap((text, i) => rangeWarnings(`spec.podCIDRs[${i}]`, text)),
  ];
}
