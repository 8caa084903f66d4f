/** The kind SelfSubjectReview: its names and its rules. It is never stored. */
import type { Kind } from "../kind.ts";
import { selfSubjectReviewSchema } from "./schema.ts";
import type { SelfSubjectReview } from "./type.ts";

export const selfSubjectReviewKind: Kind<SelfSubjectReview> = {
  group: "authentication.k8s.io",
  version: "v1",
  kind: "SelfSubjectReview",
  plural: "selfsubjectreviews",
  singular: "selfsubjectreview",
  shortNames: [],
  categories: [],
  namespaced: false,
  schema: selfSubjectReviewSchema,
  columns: [],
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
