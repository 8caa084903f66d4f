/** The schema of v1 ServiceAccount. */
import { objectReferenceSchema } from "../event/schema.ts";
import { kindSchema } from "../meta/kind-schema.ts";
import { localObjectReferenceSchema } from "../pod/reference-schema.ts";
import { boolean, list, pointer } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { ServiceAccount } from "./type.ts";

export const serviceAccountSchema: ObjectSchema<ServiceAccount> = kindSchema(
  "io.k8s.api.core.v1.ServiceAccount",
  "A user for programs: the processes of pods, and others that have a token of it.",
  {
    secrets: list(2, objectReferenceSchema, "Secrets that pods of this account may mount.", {
      list: { type: "map", keys: ["name"] },
      patch: { strategy: "merge", key: "name" },
    }),
    imagePullSecrets: list(
      3,
      localObjectReferenceSchema,
      "Secrets for pulling images of pods of this account.",
      {
        list: { type: "atomic" },
      },
    ),
    automountServiceAccountToken: pointer(
      boolean(4, "Whether pods of this account get a token of it. A pod may say otherwise."),
    ),
  },
);
