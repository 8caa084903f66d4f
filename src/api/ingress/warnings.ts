/** What is worth a warning about an Ingress that is accepted (pkg/registry/networking/ingress/strategy.go). */
import { ingressAddressWarnings } from "../validation/address-warnings.ts";
import type { Ingress } from "./type.ts";
import { CLASS_ANNOTATION } from "./validation.ts";

export function ingressWarnings({ metadata, spec, status }: Ingress, old?: Ingress): string[] {
  const warnings = ingressAddressWarnings(
    "status.loadBalancer.ingress",
    status?.loadBalancer?.ingress,
    old?.status?.loadBalancer?.ingress,
  );
  // The deprecated way to name a class still works, but a new Ingress should not use it.
  const hasAnnotation = metadata.annotations?.[CLASS_ANNOTATION] !== undefined;
  if (old === undefined && hasAnnotation && spec?.ingressClassName === undefined)
    warnings.push(
      `annotation ${JSON.stringify(CLASS_ANNOTATION)} is deprecated, please use 'spec.ingressClassName' instead`,
    );
  return warnings;
}
