/** v1 Namespace. */
import type { Condition, KubeObject } from "../meta/type.ts";

export interface NamespaceSpec {
  finalizers?: string[];
}

export type NamespaceCondition = Omit<Condition, "observedGeneration">;

export interface NamespaceStatus {
  phase?: "Active" | "Terminating";
  conditions?: NamespaceCondition[];
}

export interface Namespace extends KubeObject {
  spec?: NamespaceSpec;
  status?: NamespaceStatus;
}
