/** What the server does to an Ingress before it is validated (pkg/registry/networking/ingress). */
import type { Ingress } from "./type.ts";

export function prepareIngressForCreate(ingress: Ingress): void {
  ingress.status = { loadBalancer: {} };
}

export function prepareIngressForUpdate(ingress: Ingress, old: Ingress): void {
  ingress.status = structuredClone(old.status ?? { loadBalancer: {} });
}

export function prepareIngressForStatusUpdate(ingress: Ingress, old: Ingress): void {
  ingress.spec = structuredClone(old.spec ?? {});
}
