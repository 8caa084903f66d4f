/** authorization.k8s.io/v1 SubjectAccessReview, and the parts that the other access reviews have too. */
import type { KubeObject, LabelSelectorRequirement } from "../meta/type.ts";

export const AUTHORIZATION_GROUP = "authorization.k8s.io";

export interface FieldSelectorRequirement {
  key: string;
  operator: string;
  values?: string[];
}

/** A selector: as text, or as requirements; not both. */
export interface FieldSelectorAttributes {
  rawSelector?: string;
  requirements?: FieldSelectorRequirement[];
}

export interface LabelSelectorAttributes {
  rawSelector?: string;
  requirements?: LabelSelectorRequirement[];
}

/** A request for a resource. "*" is all. */
export interface ResourceAttributes {
  /** Empty: the cluster scope, or all namespaces. */
  namespace?: string;
  verb?: string;
  group?: string;
  version?: string;
  resource?: string;
  subresource?: string;
  /** Empty: all objects. */
  name?: string;
  fieldSelector?: FieldSelectorAttributes;
  labelSelector?: LabelSelectorAttributes;
}

/** A request for a path that is no resource. */
export interface NonResourceAttributes {
  path?: string;
  verb?: string;
}

export interface SubjectAccessReviewSpec {
  /** Exactly one of the two is set. */
  resourceAttributes?: ResourceAttributes;
  nonResourceAttributes?: NonResourceAttributes;
  user?: string;
  groups?: string[];
  extra?: Record<string, string[]>;
  uid?: string;
}

export interface SubjectAccessReviewStatus {
  allowed: boolean;
  /** Some authorizer forbids it, so that no other can allow it. RBAC never does. */
  denied?: boolean;
  reason?: string;
  /** What went wrong on the way; the answer may be right all the same. */
  evaluationError?: string;
}

export interface SubjectAccessReview extends KubeObject {
  spec: SubjectAccessReviewSpec;
  status?: SubjectAccessReviewStatus;
}
