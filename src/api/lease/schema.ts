/** The schema of coordination.k8s.io/v1 Lease. */
import { kindSchema } from "../meta/kind-schema.ts";
import { int32, microTime, object, objectSchema, pointer, string } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { Lease, LeaseSpec } from "./type.ts";

const leaseSpecSchema: ObjectSchema<LeaseSpec> = objectSchema(
  "io.k8s.api.coordination.v1.LeaseSpec",
  "Who holds a lease, and until when.",
  {
    holderIdentity: pointer(string(1, "Who holds the lease. Empty: nobody.")),
    leaseDurationSeconds: pointer(
      int32(2, "How many seconds others must wait after renewTime before they may take the lease."),
    ),
    acquireTime: pointer(microTime(3, "When the holder got the lease.")),
    renewTime: pointer(microTime(4, "When the holder last said that it still has the lease.")),
    leaseTransitions: pointer(int32(5, "How often the lease went from one holder to another.")),
    strategy: pointer(string(6, "How a leader is chosen among candidates, where that is coordinated.")),
    preferredHolder: pointer(string(7, "Who should have the lease next. Only with a strategy.")),
  },
);

export const leaseSchema: ObjectSchema<Lease> = kindSchema(
  "io.k8s.api.coordination.v1.Lease",
  "A claim that has to be renewed: leadership of a group of processes, or the life sign of a node.",
  {
    spec: object(2, leaseSpecSchema, "Who holds it, and until when."),
  },
);
