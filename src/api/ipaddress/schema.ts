/** The schema of networking.k8s.io/v1 IPAddress. */
import { kindSchema } from "../meta/kind-schema.ts";
import { object, objectSchema, pointer, string } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { IPAddress, IPAddressSpec, ParentReference } from "./type.ts";

export const parentReferenceSchema: ObjectSchema<ParentReference> = objectSchema(
  "io.k8s.api.networking.v1.ParentReference",
  "The object that has the address.",
  {
    group: string(1, "The object's API group; empty is the core group."),
    resource: string(2, "The plural of the object's kind, such as services."),
    namespace: string(3, "The object's namespace."),
    name: string(4, "The object's name."),
  },
);

export const ipAddressSpecSchema: ObjectSchema<IPAddressSpec> = objectSchema(
  "io.k8s.api.networking.v1.IPAddressSpec",
  "What the address is for.",
  {
    parentRef: pointer(
      object(1, parentReferenceSchema, "The object that has the address. It cannot be changed."),
    ),
  },
);

export const ipAddressSchema: ObjectSchema<IPAddress> = kindSchema(
  "io.k8s.api.networking.v1.IPAddress",
  "One IP address that is taken. The name is the address in canonical form.",
  { spec: object(2, ipAddressSpecSchema, "What the address is for.") },
);
