/** The schema of v1 Secret. */
import { kindSchema } from "../meta/kind-schema.ts";
import { boolean, bytesMap, pointer, string, stringMap } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { Secret } from "./type.ts";

export const secretSchema: ObjectSchema<Secret> = kindSchema(
  "io.k8s.api.core.v1.Secret",
  "Data that not everyone may see, at most 1 MiB.",
  {
    data: bytesMap(2, "The data: bytes by key, in base64."),
    type: string(3, "What the data is for; some types have keys that must be there. It cannot be changed."),
    stringData: stringMap(4, "Data as text, for writing only: it is put into data, over what is there."),
    immutable: pointer(
      boolean(
        5,
        "Whether the data may never change again. It cannot be taken back; delete the object instead.",
      ),
    ),
  },
);
