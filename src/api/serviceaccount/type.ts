/** v1 ServiceAccount: the user that pods are. */
import type { ObjectReference } from "../event/type.ts";
import type { KubeObject } from "../meta/type.ts";
import type { LocalObjectReference } from "../pod/reference-type.ts";

export interface ServiceAccount extends KubeObject {
  secrets?: ObjectReference[];
  imagePullSecrets?: LocalObjectReference[];
  automountServiceAccountToken?: boolean;
}
