/** authentication.k8s.io/v1 SelfSubjectReview: who am I? */
import type { KubeObject } from "../meta/type.ts";
import type { UserInfo } from "../tokenreview/type.ts";

export interface SelfSubjectReviewStatus {
  userInfo?: UserInfo;
}

export interface SelfSubjectReview extends KubeObject {
  status?: SelfSubjectReviewStatus;
}
