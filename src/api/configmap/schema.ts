/** The schema of v1 ConfigMap. */
import { kindSchema } from "../meta/kind-schema.ts";
import { boolean, bytesMap, pointer, stringMap } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { ConfigMap } from "./type.ts";

export const configMapSchema: ObjectSchema<ConfigMap> = kindSchema(
  "io.k8s.api.core.v1.ConfigMap",
  "Configuration for pods to read.",
  {
    data: stringMap(2, "The configuration: text by key. A key is in one of data and binaryData."),
    binaryData: bytesMap(3, "Configuration that is no UTF-8 text: bytes by key."),
    immutable: pointer(
      boolean(
        4,
        "Whether the data may never change again. It cannot be taken back; delete the object instead.",
      ),
    ),
  },
);
