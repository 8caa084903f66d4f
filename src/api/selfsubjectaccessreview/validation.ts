/** Which SelfSubjectAccessReviews are acceptable (pkg/apis/authorization/validation), with upstream's sentences. */
import type { FieldError } from "../field-error.ts";
import { validateEmptyMetadata, validateRequestAttributes } from "../subjectaccessreview/validation.ts";
import type { SelfSubjectAccessReview } from "./type.ts";

export function validateSelfSubjectAccessReview(review: SelfSubjectAccessReview): FieldError[] {
  return [...validateRequestAttributes(review.spec), ...validateEmptyMetadata(review, [], "must be empty")];
}
