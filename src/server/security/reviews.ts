/** The answers of the reviews of authentication.k8s.io: whose token is this, and who am I? */
import type { SelfSubjectReview } from "../../api/selfsubjectreview/type.ts";
import { badRequest } from "../../api/status-errors.ts";
import type { TokenReview, TokenReviewStatus, UserInfo } from "../../api/tokenreview/type.ts";
import type { KindRules } from "../registry/kind-rules.ts";
import { type TokenAuthenticator, TokenRefusal, type User } from "./authenticate.ts";

/** `audiences` are this server's, for who asks about none (pkg/registry/authentication/tokenreview/storage.go). */
export function tokenReviewRules(
  tokens: TokenAuthenticator,
  audiences: readonly string[],
): KindRules<TokenReview> {
  return {
    async answer(review) {
      const { token = "", audiences: asked = [] } = review.spec;
      if (token === "") throw badRequest("token is required for TokenReview in authentication");
      return { ...review, status: await reviewToken(tokens, token, asked.length > 0 ? asked : audiences) };
    },
  };
}

async function reviewToken(
  tokens: TokenAuthenticator,
  token: string,
  audiences: readonly string[],
): Promise<TokenReviewStatus> {
  try {
    const found = await tokens.authenticateToken(token, audiences);
    if (found === undefined) return { user: {}, error: "invalid bearer token" };
    return { authenticated: true, user: userInfo(found.user), audiences: [...found.audiences] };
  } catch (error) {
    if (!(error instanceof TokenRefusal)) throw error;
    return { user: {}, error: `[invalid bearer token, ${error.message}]` };
  }
}

export const selfSubjectReviewRules: KindRules<SelfSubjectReview> = {
  answer: async (review, { user }) => ({ ...review, status: { userInfo: userInfo(user) } }),
};

/** A user as the API's objects have it. */
function userInfo({ name, uid, groups, extra = {} }: User): UserInfo {
  const copied = Object.entries(extra).map(([key, values]): [string, string[]] => [key, [...values]]);
  return {
    username: name,
    ...(uid !== undefined && { uid }),
    ...(groups.length > 0 && { groups: [...groups] }),
    ...(copied.length > 0 && { extra: Object.fromEntries(copied) }),
  };
}
