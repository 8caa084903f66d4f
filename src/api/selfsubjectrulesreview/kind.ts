/** The kind SelfSubjectRulesReview: its names and its rules. The server's rules for it answer it. */
import { nameColumn } from "../columns/common.ts";
import type { Kind } from "../kind.ts";
import { AUTHORIZATION_GROUP } from "../subjectaccessreview/type.ts";
import { selfSubjectRulesReviewSchema } from "./schema.ts";
import type { SelfSubjectRulesReview } from "./type.ts";

export const selfSubjectRulesReviewKind: Kind<SelfSubjectRulesReview> = {
  group: AUTHORIZATION_GROUP,
  version: "v1",
  kind: "SelfSubjectRulesReview",
  plural: "selfsubjectrulesreviews",
  singular: "selfsubjectrulesreview",
  shortNames: [],
  categories: [],
  namespaced: false,
  schema: selfSubjectRulesReviewSchema,
  columns: [nameColumn],
  subresources: {},
  verbs: ["create"],
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: () => [],
  validateUpdate: () => [],
};
