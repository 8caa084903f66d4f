/** The kind SubjectAccessReview: its names and its rules. The server's rules for it answer it. */
import { nameColumn } from "../columns/common.ts";
import type { Kind } from "../kind.ts";
import { subjectAccessReviewSchema } from "./schema.ts";
import { AUTHORIZATION_GROUP, type SubjectAccessReview } from "./type.ts";
import { validateSubjectAccessReview } from "./validation.ts";

export const subjectAccessReviewKind: Kind<SubjectAccessReview> = {
  group: AUTHORIZATION_GROUP,
  version: "v1",
  kind: "SubjectAccessReview",
  plural: "subjectaccessreviews",
  singular: "subjectaccessreview",
  shortNames: [],
  categories: [],
  namespaced: false,
  schema: subjectAccessReviewSchema,
  columns: [nameColumn],
  subresources: {},
  verbs: ["create"],
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateSubjectAccessReview,
  validateUpdate: () => [],
};
