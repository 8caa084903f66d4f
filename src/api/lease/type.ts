/** coordination.k8s.io/v1 Lease: who leads, or that a node is alive. */
import type { KubeObject, MicroTime } from "../meta/type.ts";

export interface LeaseSpec {
  /** Absent or empty: nobody holds it. */
  holderIdentity?: string;
  /** How long others must wait after `renewTime` before they may take it. */
  leaseDurationSeconds?: number;
  acquireTime?: MicroTime;
  renewTime?: MicroTime;
  /** How often it went from one holder to another. */
  leaseTransitions?: number;
  strategy?: string;
  preferredHolder?: string;
}

export interface Lease extends KubeObject {
  spec?: LeaseSpec;
}
