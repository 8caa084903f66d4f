/** The schema of authentication.k8s.io/v1 TokenReview, and of who a user is. */
import { kindSchema } from "../meta/kind-schema.ts";
import { boolean, object, objectSchema, required, string, stringsMap, strings } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { TokenReview, TokenReviewSpec, TokenReviewStatus, UserInfo } from "./type.ts";

const ATOMIC = { list: { type: "atomic" } } as const;

export const userInfoSchema: ObjectSchema<UserInfo> = objectSchema(
  "io.k8s.api.authentication.v1.UserInfo",
  "Who somebody is.",
  {
    username: string(1, "The name, unique among all users now."),
    uid: string(2, "Unique over time: another user that gets the same name later has another uid."),
    groups: strings(3, "The groups that the user is in.", ATOMIC),
    extra: stringsMap(4, "What else the way of authentication said."),
  },
);

const tokenReviewSpecSchema: ObjectSchema<TokenReviewSpec> = objectSchema(
  "io.k8s.api.authentication.v1.TokenReviewSpec",
  "The question.",
  {
    token: string(1, "The token."),
    audiences: strings(2, "As whom the one who asks got the token. Empty means this API server.", ATOMIC),
  },
);

const tokenReviewStatusSchema: ObjectSchema<TokenReviewStatus> = objectSchema(
  "io.k8s.api.authentication.v1.TokenReviewStatus",
  "The answer.",
  {
    authenticated: boolean(1, "Whether the token is good."),
    user: object(2, userInfoSchema, "Whose it is."),
    error: string(3, "Why it could not be checked."),
    audiences: strings(4, "Which of the audiences asked about the token is for.", ATOMIC),
  },
);

export const tokenReviewSchema: ObjectSchema<TokenReview> = kindSchema(
  "io.k8s.api.authentication.v1.TokenReview",
  "Asks whose token this is. Never stored.",
  {
    spec: required(object(2, tokenReviewSpecSchema, "The question.")),
    status: object(3, tokenReviewStatusSchema, "The answer."),
  },
);
