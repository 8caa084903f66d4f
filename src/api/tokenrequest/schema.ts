/** The schema of authentication.k8s.io/v1 TokenRequest. */
import { kindSchema } from "../meta/kind-schema.ts";
import {
  int64,
  object,
  objectSchema,
  pointer,
  required,
  string,
  strings,
  time,
  written,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { BoundObjectReference, TokenRequest, TokenRequestSpec, TokenRequestStatus } from "./type.ts";

const boundObjectReferenceSchema: ObjectSchema<BoundObjectReference> = objectSchema(
  "io.k8s.api.authentication.v1.BoundObjectReference",
  "Points at the object that a token is bound to.",
  {
    kind: string(1, "Pod, Secret or Node."),
    apiVersion: string(2, "The object's API version."),
    name: string(3, "The object's name."),
    uid: string(4, "The object's uid; if it is given, the object must have it."),
  },
);

const tokenRequestSpecSchema: ObjectSchema<TokenRequestSpec> = objectSchema(
  "io.k8s.api.authentication.v1.TokenRequestSpec",
  "What token is wanted.",
  {
    audiences: required(
      strings(1, "For whom the token is; who gets it must find itself here. Empty means this API server.", {
        list: { type: "atomic" },
      }),
    ),
    boundObjectRef: written(
      pointer(object(3, boundObjectReferenceSchema, "The token is good only while this object exists.")),
    ),
    expirationSeconds: written(
      pointer(int64(4, "For how long the token is to be good; the server may decide otherwise.")),
    ),
  },
);

const tokenRequestStatusSchema: ObjectSchema<TokenRequestStatus> = objectSchema(
  "io.k8s.api.authentication.v1.TokenRequestStatus",
  "The token that was given.",
  {
    token: required(string(1, "The token.")),
    expirationTimestamp: required(time(2, "When it stops being good.")),
  },
);

export const tokenRequestSchema: ObjectSchema<TokenRequest> = kindSchema(
  "io.k8s.api.authentication.v1.TokenRequest",
  "Asks for a token of a ServiceAccount.",
  {
    spec: required(object(2, tokenRequestSpecSchema, "What token is wanted.")),
    status: object(3, tokenRequestStatusSchema, "The token that was given."),
  },
);
