/** The kind TokenReview: its names and its rules. It is never stored. */
import type { Kind } from "../kind.ts";
import { tokenReviewSchema } from "./schema.ts";
import type { TokenReview } from "./type.ts";

export const tokenReviewKind: Kind<TokenReview> = {
  group: "authentication.k8s.io",
  version: "v1",
  kind: "TokenReview",
  plural: "tokenreviews",
  singular: "tokenreview",
  shortNames: [],
  categories: [],
  namespaced: false,
  schema: tokenReviewSchema,
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
