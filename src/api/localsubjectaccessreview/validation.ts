/** Which LocalSubjectAccessReviews are acceptable (pkg/apis/authorization/validation), with upstream's sentences. */
import { type FieldError, invalidValue } from "../field-error.ts";
import { validateEmptyMetadata, validateSubjectAccessReviewSpec } from "../subjectaccessreview/validation.ts";
import type { LocalSubjectAccessReview } from "./type.ts";

export function validateLocalSubjectAccessReview(review: LocalSubjectAccessReview): FieldError[] {
  const { metadata, spec } = review;
  const errors = [
    ...validateSubjectAccessReviewSpec(review),
    ...validateEmptyMetadata(review, ["namespace"], "must be empty except for namespace"),
  ];
  const asked = spec.resourceAttributes?.namespace ?? "";
  if (spec.resourceAttributes !== undefined && asked !== (metadata.namespace ?? ""))
    errors.push(invalidValue("spec.resourceAttributes.namespace", asked, "must match metadata.namespace"));
  if (spec.nonResourceAttributes !== undefined)
    errors.push(
      invalidValue(
        "spec.nonResourceAttributes",
        spec.nonResourceAttributes,
        "disallowed on this kind of request",
      ),
    );
  return errors;
}
