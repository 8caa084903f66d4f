/** The schema of meta.k8s.io/v1 Status, the outcome of a call that has no object to return. */
import { int32, list, object, objectSchema, pointer, string } from "../schema/fields.ts";
import { int64 } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { ListMeta, Status, StatusCause, StatusDetails } from "./type.ts";

export const listMetaSchema: ObjectSchema<ListMeta & { selfLink?: string }> = objectSchema(
  "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta",
  "About a list.",
  {
    selfLink: string(1, "No longer filled in; kept for old clients."),
    resourceVersion: string(2, "The version that the list is true at."),
    continue: string(3, "Where the next part begins; empty at the end."),
    remainingItemCount: pointer(int64(4, "How many more objects there are.")),
  },
);

const statusCauseSchema: ObjectSchema<StatusCause> = objectSchema(
  "io.k8s.apimachinery.pkg.apis.meta.v1.StatusCause",
  "One of the causes of a failure.",
  {
    reason: string(1, "Why, as one word for programs."),
    message: string(2, "Why, for people."),
    field: string(3, 'The field that caused it, as in "spec.ports[0].name".'),
  },
);

const statusDetailsSchema: ObjectSchema<StatusDetails> = objectSchema(
  "io.k8s.apimachinery.pkg.apis.meta.v1.StatusDetails",
  "More about the reason of a Status.",
  {
    name: string(1, "The name of the object."),
    group: string(2, "The group of the resource."),
    kind: string(3, "The resource, or the kind."),
    uid: string(6, "The uid of the object."),
    causes: list(4, statusCauseSchema, "What exactly is wrong.", { list: { type: "atomic" } }),
    retryAfterSeconds: int32(5, "Seconds after which a new attempt makes sense."),
  },
);

export const statusSchema: ObjectSchema<
  Omit<Status, "apiVersion" | "kind" | "status" | "metadata"> & { status?: string; metadata?: ListMeta }
> = objectSchema(
  "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
  "The outcome of a call that has no object to return.",
  {
    metadata: object(1, listMetaSchema, "About the answer."),
    status: string(2, "Success or Failure."),
    message: string(3, "What happened, for people."),
    reason: string(4, "Why, as one word for programs."),
    details: pointer(object(5, statusDetailsSchema, "More about the reason.")),
    code: int32(6, "The HTTP status code."),
  },
);
