/** The schema of meta.k8s.io/v1 DeleteOptions, which travels in the body of DELETE. */
import { boolean, int64, object, objectSchema, oneOf, pointer, string, strings } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { DeleteOptions } from "./type.ts";

type Preconditions = NonNullable<DeleteOptions["preconditions"]>;

const preconditionsSchema: ObjectSchema<Preconditions> = objectSchema(
  "io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions",
  "What must be true of the object for it to be deleted.",
  {
    uid: pointer(string(1, "The object must have this uid.")),
    resourceVersion: pointer(string(2, "The object must be at this version.")),
  },
);

export const deleteOptionsSchema: ObjectSchema<DeleteOptions> = objectSchema(
  "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
  "How an object is to be deleted.",
  {
    apiVersion: string(0, "The API version that the options are written in."),
    kind: string(0, "DeleteOptions."),
    gracePeriodSeconds: pointer(int64(1, "Seconds to end by itself; 0 removes at once.")),
    preconditions: pointer(object(2, preconditionsSchema, "What must be true of the object.")),
    orphanDependents: pointer(boolean(3, "Old form of propagationPolicy.")),
    propagationPolicy: pointer(
      oneOf(
        4,
        ["Orphan", "Background", "Foreground"],
        "What happens to the objects that depend on this one.",
      ),
    ),
    ignoreStoreReadErrorWithClusterBreakingPotential: pointer(
      boolean(6, "Delete even what cannot be read any more. Not done here."),
    ),
    dryRun: strings(5, "With All nothing is stored.", { list: { type: "atomic" } }),
  },
);
