/** The kind Network: its names and its rules. */
import type { Kind } from "../kind.ts";
import { networkColumns } from "./columns.ts";
import { setNetworkDefaults } from "./defaults.ts";
import { networkSchema } from "./schema.ts";
import type { Network } from "./type.ts";
import { validateNetwork, validateNetworkStatusUpdate, validateNetworkUpdate } from "./validation.ts";

export const networkKind: Kind<Network> = {
  group: "fairlead.dev",
  version: "v1",
  kind: "Network",
  plural: "networks",
  singular: "network",
  shortNames: ["net"],
  categories: [],
  namespaced: true,
  schema: networkSchema,
  columns: networkColumns,
  subresources: { status: true },
  generation: true,
  selectableFields: {},
  setDefaults: setNetworkDefaults,
  // A new Network has no status whatever the client sent.
  prepareForCreate: (network) => {
    delete network.status;
  },
  prepareForUpdate: (network, old) => {
    if (old.status === undefined) delete network.status;
    else network.status = structuredClone(old.status);
  },
  validate: validateNetwork,
  validateUpdate: validateNetworkUpdate,
  prepareForStatusUpdate: (network, old) => {
    if (old.spec === undefined) delete network.spec;
    else network.spec = structuredClone(old.spec);
  },
  validateStatusUpdate: validateNetworkStatusUpdate,
};
