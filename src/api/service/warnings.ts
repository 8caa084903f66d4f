/** What is worth a warning about a Service that is accepted (pkg/api/service GetWarningsForService). */
import type { Service } from "./type.ts";

export function serviceWarnings({ metadata: { annotations = {} }, spec = {} }: Service): string[] {
  const warnings: string[] = [];
  if (Object.hasOwn(annotations, "service.kubernetes.io/topology-aware-hints"))
    warnings.push(
      "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead",
    );
  if (spec.type === "ExternalName" && (spec.externalIPs ?? []).length > 0)
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (spec.type !== "ExternalName" && spec.externalName !== undefined)
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  return warnings;
}
