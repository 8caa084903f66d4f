/** The kind LocalSubjectAccessReview: its names and its rules. The server's rules for it answer it. */
import { nameColumn } from "../columns/common.ts";
import type { Kind } from "../kind.ts";
import { AUTHORIZATION_GROUP } from "../subjectaccessreview/type.ts";
import { localSubjectAccessReviewSchema } from "./schema.ts";
import type { LocalSubjectAccessReview } from "./type.ts";
import { validateLocalSubjectAccessReview } from "./validation.ts";

export const localSubjectAccessReviewKind: Kind<LocalSubjectAccessReview> = {
  group: AUTHORIZATION_GROUP,
  version: "v1",
  kind: "LocalSubjectAccessReview",
  plural: "localsubjectaccessreviews",
  singular: "localsubjectaccessreview",
  shortNames: [],
  categories: [],
  namespaced: true,
  schema: localSubjectAccessReviewSchema,
  columns: [nameColumn],
  subresources: {},
  verbs: ["create"],
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateLocalSubjectAccessReview,
  validateUpdate: () => [],
};
