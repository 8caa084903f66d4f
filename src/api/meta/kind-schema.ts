/** The schema of a kind: the fields of its own after those that every kind has. */
import { fieldsOf, object, objectSchema, string } from "../schema/fields.ts";
import type { FieldsOf } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import { objectMetaSchema } from "./schema.ts";
import type { KubeObject, ObjectMeta } from "./type.ts";

/** What a kind has beside apiVersion, kind and metadata. */
type OwnFields<T extends KubeObject> = Pick<T, Exclude<keyof T, keyof KubeObject>>;

interface Common {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
}

// apiVersion and kind have no wire number: in protobuf they travel in the envelope (runtime.Unknown).
const commonFields: FieldsOf<Common> = fieldsOf<Common>({
  apiVersion: string(0, "The API version that the object is written in."),
  kind: string(0, "The kind of the object."),
  metadata: object(1, objectMetaSchema, "Name, labels and the like."),
});

/** `name` as OpenAPI has it, "io.k8s.api.core.v1.Service". */
export function kindSchema<T extends KubeObject>(
  name: string,
  description: string,
  fields: FieldsOf<OwnFields<NoInfer<T>>>,
): ObjectSchema<T> {
  return objectSchema<KubeObject & OwnFields<T>>(name, description, {
    ...commonFields,
    ...fields,
  } as unknown as FieldsOf<KubeObject & OwnFields<T>>) as ObjectSchema<T>;
}
