/** The kind Lease: its names and its rules. */
import type { Kind } from "../kind.ts";
import { leaseColumns } from "./columns.ts";
import { prepareLease } from "./prepare.ts";
import { leaseSchema } from "./schema.ts";
import type { Lease } from "./type.ts";
import { validateLease, validateLeaseUpdate } from "./validation.ts";

export const leaseKind: Kind<Lease> = {
  group: "coordination.k8s.io",
  version: "v1",
  kind: "Lease",
  plural: "leases",
  singular: "lease",
  shortNames: [],
  categories: [],
  namespaced: true,
  schema: leaseSchema,
  columns: leaseColumns,
  subresources: {},
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: (lease) => prepareLease(lease),
  prepareForUpdate: prepareLease,
  validate: validateLease,
  validateUpdate: validateLeaseUpdate,
};
