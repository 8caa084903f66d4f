/** networking.k8s.io/v1 IngressClass: a controller of Ingresses, and how it should be set up. */
import type { KubeObject } from "../meta/type.ts";

export interface IngressClassParametersReference {
  /** Absent: the core group. */
  apiGroup?: string;
  kind: string;
  name: string;
  /** @default "Cluster" */
  scope?: "Cluster" | "Namespace";
  /** Required with scope Namespace, forbidden with Cluster. */
  namespace?: string;
}

export interface IngressClassSpec {
  /** A path with a domain before it: "acme.io/ingress-controller". Cannot be changed. */
  controller?: string;
  parameters?: IngressClassParametersReference;
}

export interface IngressClass extends KubeObject {
  spec?: IngressClassSpec;
}
