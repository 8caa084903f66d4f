/** networking.k8s.io/v1 ServiceCIDR: a range that virtual addresses of Services come from. */
import type { Condition, KubeObject } from "../meta/type.ts";

export interface ServiceCIDRSpec {
  /** One, or one of each IP family, the primary first. */
  cidrs?: string[];
}

export interface ServiceCIDRStatus {
  conditions?: Condition[];
}

export interface ServiceCIDR extends KubeObject {
  spec?: ServiceCIDRSpec;
  status?: ServiceCIDRStatus;
}

/** Keeps a ServiceCIDR while it is the only one that has an address in use. */
export const SERVICE_CIDR_FINALIZER = "networking.k8s.io/service-cidr-finalizer";
/** The condition that says whether addresses are given out of it. */
export const READY_CONDITION = "Ready";

/** Whether new addresses may come from it; without the condition it is taken for ready. */
export function isServiceCIDRReady({ metadata, status }: ServiceCIDR): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  const ready = (status?.conditions ?? []).find(({ type }) => type === READY_CONDITION);
  return ready === undefined || ready.status === "True";
}
