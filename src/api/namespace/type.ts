/** v1 Namespace. */
import type { Condition, KubeObject } from "../meta/type.ts";

export interface Namespace extends KubeObject {
  spec?: { finalizers?: string[] };
  status?: { phase?: "Active" | "Terminating"; conditions?: Condition[] };
}
