/** authorization.k8s.io/v1 LocalSubjectAccessReview. */
import type { KubeObject } from "../meta/type.ts";
import type { SubjectAccessReviewSpec, SubjectAccessReviewStatus } from "../subjectaccessreview/type.ts";

/** A SubjectAccessReview about its own namespace, so that who rules over a namespace may ask. */
export interface LocalSubjectAccessReview extends KubeObject {
  spec: SubjectAccessReviewSpec;
  status?: SubjectAccessReviewStatus;
}
