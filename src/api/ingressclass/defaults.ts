/** What an IngressClass has when its client said nothing (pkg/apis/networking/v1/defaults.go). */
import type { IngressClass } from "./type.ts";

export function setIngressClassDefaults({ spec }: IngressClass): void {
  if (spec?.parameters !== undefined) spec.parameters.scope ??= "Cluster";
}
