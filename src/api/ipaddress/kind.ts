/** The kind IPAddress: its names and its rules. */
import type { Kind } from "../kind.ts";
import { ipAddressColumns } from "./columns.ts";
import { ipAddressSchema } from "./schema.ts";
import type { IPAddress } from "./type.ts";
import { validateIPAddress, validateIPAddressUpdate } from "./validation.ts";

export const ipAddressKind: Kind<IPAddress> = {
  group: "networking.k8s.io",
  version: "v1",
  kind: "IPAddress",
  plural: "ipaddresses",
  singular: "ipaddress",
  shortNames: ["ip"],
  categories: [],
  namespaced: false,
  schema: ipAddressSchema,
  columns: ipAddressColumns,
  subresources: {},
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateIPAddress,
  validateUpdate: validateIPAddressUpdate,
};
