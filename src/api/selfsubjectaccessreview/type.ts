/** authorization.k8s.io/v1 SelfSubjectAccessReview. */
import type { KubeObject } from "../meta/type.ts";
import type {
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReviewStatus,
} from "../subjectaccessreview/type.ts";

export interface SelfSubjectAccessReviewSpec {
  /** Exactly one of the two is set. */
  resourceAttributes?: ResourceAttributes;
  nonResourceAttributes?: NonResourceAttributes;
}

/** What `kubectl auth can-i` asks. */
export interface SelfSubjectAccessReview extends KubeObject {
  spec: SelfSubjectAccessReviewSpec;
  status?: SubjectAccessReviewStatus;
}
