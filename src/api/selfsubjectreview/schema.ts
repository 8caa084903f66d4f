/** The schema of authentication.k8s.io/v1 SelfSubjectReview. */
import { kindSchema } from "../meta/kind-schema.ts";
import { object, objectSchema } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import { userInfoSchema } from "../tokenreview/schema.ts";
import type { SelfSubjectReview, SelfSubjectReviewStatus } from "./type.ts";

const selfSubjectReviewStatusSchema: ObjectSchema<SelfSubjectReviewStatus> = objectSchema(
  "io.k8s.api.authentication.v1.SelfSubjectReviewStatus",
  "The answer.",
  {
    userInfo: object(1, userInfoSchema, "Who asks, as the server sees it."),
  },
);

export const selfSubjectReviewSchema: ObjectSchema<SelfSubjectReview> = kindSchema(
  "io.k8s.api.authentication.v1.SelfSubjectReview",
  "Asks who the one who asks is. Never stored.",
  {
    status: object(2, selfSubjectReviewStatusSchema, "The answer."),
  },
);
