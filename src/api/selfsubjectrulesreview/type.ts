/** authorization.k8s.io/v1 SelfSubjectRulesReview. */
import type { KubeObject } from "../meta/type.ts";

export interface SelfSubjectRulesReviewSpec {
  /** The namespace to list rules for. The server refuses a review without one. */
  namespace?: string;
}

export interface ResourceRule {
  verbs: string[];
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
}

export interface NonResourceRule {
  verbs: string[];
  nonResourceURLs?: string[];
}

export interface SubjectRulesReviewStatus {
  resourceRules: ResourceRule[];
  nonResourceRules: NonResourceRule[];
  /** Whether the caller may do more than is listed. */
  incomplete: boolean;
  /** Roles that could not be found. */
  evaluationError?: string;
}

/** What `kubectl auth can-i --list` asks. */
export interface SelfSubjectRulesReview extends KubeObject {
  spec: SelfSubjectRulesReviewSpec;
  status?: SubjectRulesReviewStatus;
}
