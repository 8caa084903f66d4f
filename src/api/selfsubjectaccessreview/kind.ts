/** The kind SelfSubjectAccessReview: its names and its rules. The server's rules for it answer it. */
import { nameColumn } from "../columns/common.ts";
import type { Kind } from "../kind.ts";
import { AUTHORIZATION_GROUP } from "../subjectaccessreview/type.ts";
import { selfSubjectAccessReviewSchema } from "./schema.ts";
import type { SelfSubjectAccessReview } from "./type.ts";
import { validateSelfSubjectAccessReview } from "./validation.ts";

export const selfSubjectAccessReviewKind: Kind<SelfSubjectAccessReview> = {
  group: AUTHORIZATION_GROUP,
  version: "v1",
  kind: "SelfSubjectAccessReview",
  plural: "selfsubjectaccessreviews",
  singular: "selfsubjectaccessreview",
  shortNames: [],
  categories: [],
  namespaced: false,
  schema: selfSubjectAccessReviewSchema,
  columns: [nameColumn],
  subresources: {},
  verbs: ["create"],
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateSelfSubjectAccessReview,
  validateUpdate: () => [],
};
