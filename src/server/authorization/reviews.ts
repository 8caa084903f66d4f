/** The answers to access reviews: what `kubectl auth can-i` and services that delegate their authorization ask. */
import type { Kind } from "../../api/kind.ts";
import { localSubjectAccessReviewKind } from "../../api/localsubjectaccessreview/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { selfSubjectAccessReviewKind } from "../../api/selfsubjectaccessreview/kind.ts";
import { selfSubjectRulesReviewKind } from "../../api/selfsubjectrulesreview/kind.ts";
import type {
  SelfSubjectRulesReview,
  SubjectRulesReviewStatus,
} from "../../api/selfsubjectrulesreview/type.ts";
import { badRequest } from "../../api/status-errors.ts";
import { subjectAccessReviewKind } from "../../api/subjectaccessreview/kind.ts";
import type {
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
} from "../../api/subjectaccessreview/type.ts";
import type { RulesByKind } from "../registry/kind-rules.ts";
import type { CallContext, UserInfo } from "../registry.ts";
import type { Attributes } from "./attributes.ts";
import { aggregate, type Policy } from "./policy.ts";

/** Adds the rules that answer the four kinds of reviews. */
export function addReviewRules(rules: RulesByKind, policy: Policy): void {
  const addAccessReview = <T extends KubeObject & { spec: SubjectAccessReviewSpec }>(
    kind: Kind<T>,
    userOf: (review: T, context: CallContext) => UserInfo,
  ): void => {
    rules.add(kind, {
      async answer(review: T, context: CallContext) {
        const status = decide(policy, userOf(review, context), review.spec);
        return { ...review, status };
      },
    });
  };
  addAccessReview(subjectAccessReviewKind, ({ spec }) => userOfSpec(spec));
  addAccessReview(localSubjectAccessReviewKind, ({ spec }) => userOfSpec(spec));
  addAccessReview(selfSubjectAccessReviewKind, (_review, { user }) => user);
  rules.add(selfSubjectRulesReviewKind, {
    async answer(review: SelfSubjectRulesReview, { user }: CallContext) {
      const namespace = review.spec.namespace ?? "";
      if (namespace === "") throw badRequest("no namespace on request");
      return { ...review, status: rulesStatus(policy, user, namespace) } as SelfSubjectRulesReview;
    },
  });
}

function userOfSpec({ user = "", groups = [], uid, extra }: SubjectAccessReviewSpec): UserInfo {
  return { name: user, groups, ...(uid !== undefined && { uid }), ...(extra !== undefined && { extra }) };
}

function decide(policy: Policy, user: UserInfo, spec: SubjectAccessReviewSpec): SubjectAccessReviewStatus {
  const { allowed, reason } = policy.authorize(user, attributesOf(spec));
  return { allowed, ...(reason !== "" && { reason }) };
}

/** The spec has been validated: one of the two is set. */
function attributesOf({
  resourceAttributes,
  nonResourceAttributes = {},
}: SubjectAccessReviewSpec): Attributes {
  if (resourceAttributes === undefined)
    return { verb: nonResourceAttributes.verb ?? "", path: nonResourceAttributes.path ?? "" };
  const { verb = "", group = "", version = "", resource = "" } = resourceAttributes;
  const { subresource = "", namespace = "", name = "" } = resourceAttributes;
  return { verb, group, version, resource, subresource, namespace, name };
}

function rulesStatus(policy: Policy, user: UserInfo, namespace: string): SubjectRulesReviewStatus {
  const { rules, problems } = policy.rulesFor(user, namespace);
  const status: SubjectRulesReviewStatus = { resourceRules: [], nonResourceRules: [], incomplete: false };
  for (const { verbs, apiGroups, resources, resourceNames, nonResourceURLs = [] } of rules) {
    if ((resources ?? []).length > 0)
      status.resourceRules.push({
        verbs,
        ...(apiGroups !== undefined && { apiGroups }),
        ...(resources !== undefined && { resources }),
        ...(resourceNames !== undefined && { resourceNames }),
      });
    if (nonResourceURLs.length > 0) status.nonResourceRules.push({ verbs, nonResourceURLs });
  }
  if (problems.length > 0) status.evaluationError = aggregate(problems);
  return status;
}
