/** The schema of authorization.k8s.io/v1 LocalSubjectAccessReview. */
import { kindSchema } from "../meta/kind-schema.ts";
import { object, required } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import { accessReviewStatus, subjectAccessReviewSpecSchema } from "../subjectaccessreview/schema.ts";
import type { LocalSubjectAccessReview } from "./type.ts";

export const localSubjectAccessReviewSchema: ObjectSchema<LocalSubjectAccessReview> = kindSchema(
  "io.k8s.api.authorization.v1.LocalSubjectAccessReview",
  "Asks whether a user or group may do something in a namespace. It is answered and not stored.",
  {
    spec: required(object(2, subjectAccessReviewSpecSchema, "Who, and what.")),
    status: accessReviewStatus,
  },
);
