/** The kind TokenRequest: its names and its rules. It is never stored. */
import type { Kind } from "../kind.ts";
import { setTokenRequestDefaults } from "./defaults.ts";
import { tokenRequestSchema } from "./schema.ts";
import type { TokenRequest } from "./type.ts";
import { validateTokenRequest } from "./validation.ts";

export const tokenRequestKind: Kind<TokenRequest> = {
  group: "authentication.k8s.io",
  version: "v1",
  kind: "TokenRequest",
  plural: "tokenrequests",
  singular: "tokenrequest",
  shortNames: [],
  categories: [],
  namespaced: true,
  schema: tokenRequestSchema,
  columns: [],
  subresources: {},
  verbs: ["create"],
  generation: false,
  selectableFields: {},
  setDefaults: setTokenRequestDefaults,
  prepareForCreate(request) {
    delete request.status;
  },
  prepareForUpdate: () => {},
  validate: validateTokenRequest,
  validateUpdate: validateTokenRequest,
};
