/** The schema of networking.k8s.io/v1 ServiceCIDR. */
import { kindSchema } from "../meta/kind-schema.ts";
import { conditionSchema } from "../meta/schema.ts";
import { list, object, objectSchema, strings } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { ServiceCIDR, ServiceCIDRSpec, ServiceCIDRStatus } from "./type.ts";

export const serviceCIDRSpecSchema: ObjectSchema<ServiceCIDRSpec> = objectSchema(
  "io.k8s.api.networking.v1.ServiceCIDRSpec",
  "What the range should be.",
  {
    cidrs: strings(
      1,
      "The range in CIDR notation, or one range of each IP family. It cannot be changed, but for adding the second.",
      { list: { type: "atomic" } },
    ),
  },
);

export const serviceCIDRStatusSchema: ObjectSchema<ServiceCIDRStatus> = objectSchema(
  "io.k8s.api.networking.v1.ServiceCIDRStatus",
  "What the range is at present.",
  {
    conditions: list(1, conditionSchema, "Whether addresses are given out of it.", {
      list: { type: "map", keys: ["type"] },
      patch: { strategy: "merge", key: "type" },
    }),
  },
);

export const serviceCIDRSchema: ObjectSchema<ServiceCIDR> = kindSchema(
  "io.k8s.api.networking.v1.ServiceCIDR",
  "A range of IP addresses that virtual addresses of services are taken from.",
  {
    spec: object(2, serviceCIDRSpecSchema, "What the range should be."),
    status: object(3, serviceCIDRStatusSchema, "What the range is at present."),
  },
);
