/** The schema of authorization.k8s.io/v1 SelfSubjectAccessReview. */
import { kindSchema } from "../meta/kind-schema.ts";
import { object, objectSchema, required } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import { accessReviewStatus, requestAttributes } from "../subjectaccessreview/schema.ts";
import type { SelfSubjectAccessReview, SelfSubjectAccessReviewSpec } from "./type.ts";

export const selfSubjectAccessReviewSpecSchema: ObjectSchema<SelfSubjectAccessReviewSpec> = objectSchema(
  "io.k8s.api.authorization.v1.SelfSubjectAccessReviewSpec",
  "What the caller wants to do: a resource or a path, not both.",
  requestAttributes,
);

export const selfSubjectAccessReviewSchema: ObjectSchema<SelfSubjectAccessReview> = kindSchema(
  "io.k8s.api.authorization.v1.SelfSubjectAccessReview",
  "Asks whether the caller may do something. It is answered and not stored.",
  {
    spec: required(object(2, selfSubjectAccessReviewSpecSchema, "What.")),
    status: accessReviewStatus,
  },
);
