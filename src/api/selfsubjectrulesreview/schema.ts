/** The schema of authorization.k8s.io/v1 SelfSubjectRulesReview. */
import { kindSchema } from "../meta/kind-schema.ts";
import { boolean, list, object, objectSchema, required, string, strings } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type {
  NonResourceRule,
  ResourceRule,
  SelfSubjectRulesReview,
  SelfSubjectRulesReviewSpec,
  SubjectRulesReviewStatus,
} from "./type.ts";

const ATOMIC = { list: { type: "atomic" } } as const;

export const selfSubjectRulesReviewSpecSchema: ObjectSchema<SelfSubjectRulesReviewSpec> = objectSchema(
  "io.k8s.api.authorization.v1.SelfSubjectRulesReviewSpec",
  "Where.",
  { namespace: string(1, "The namespace to list rules for. It must be given.") },
);

export const resourceRuleSchema: ObjectSchema<ResourceRule> = objectSchema(
  "io.k8s.api.authorization.v1.ResourceRule",
  "What the caller may do with resources.",
  {
    verbs: required(strings(1, "What may be done; * for everything.", ATOMIC)),
    apiGroups: strings(2, "The API groups; * for all.", ATOMIC),
    resources: strings(3, "The resources; * for all, */status for that part of all.", ATOMIC),
    resourceNames: strings(4, "The names of the objects. None means all of them.", ATOMIC),
  },
);

export const nonResourceRuleSchema: ObjectSchema<NonResourceRule> = objectSchema(
  "io.k8s.api.authorization.v1.NonResourceRule",
  "What the caller may do with paths that are no resources.",
  {
    verbs: required(strings(1, "What may be done; * for everything.", ATOMIC)),
    nonResourceURLs: strings(2, "The paths; a * at the end stands for any rest.", ATOMIC),
  },
);

export const subjectRulesReviewStatusSchema: ObjectSchema<SubjectRulesReviewStatus> = objectSchema(
  "io.k8s.api.authorization.v1.SubjectRulesReviewStatus",
  "What the caller may do.",
  {
    resourceRules: required(list(1, resourceRuleSchema, "With resources.", ATOMIC)),
    nonResourceRules: required(list(2, nonResourceRuleSchema, "With paths.", ATOMIC)),
    incomplete: required(boolean(3, "Whether the caller may do more than is listed.")),
    evaluationError: string(4, "What went wrong while finding out."),
  },
);

export const selfSubjectRulesReviewSchema: ObjectSchema<SelfSubjectRulesReview> = kindSchema(
  "io.k8s.api.authorization.v1.SelfSubjectRulesReview",
  "Asks what the caller may do in a namespace. It is answered and not stored.",
  {
    spec: required(object(2, selfSubjectRulesReviewSpecSchema, "Where.")),
    status: object(3, subjectRulesReviewStatusSchema, "The answer, by the server."),
  },
);
